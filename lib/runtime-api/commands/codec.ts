/**
 * What every command of the Runtime API knows: how it is written, and what its own replies mean.
 *
 * HAProxy has no status codes, and its severity levels do not tell a success from a refusal (`IP changed` and
 * `Invalid addr` are both warnings; measured on 2.2 to 3.2). So each command lists the replies that are a success;
 * everything else is a refusal.
 */

import { CommandRefused } from '../errors.ts';

export interface CommandCodec<Asked, Answer> {
  /**
   * The one line to send, without its newline.
   *
   * @throws RangeError when a value must not go on the wire. That is a mistake of the caller, and nothing was sent.
   */
  encode(asked: Asked): string;
  /** What the reply to that line means; `reply` is all that came before the next prompt. */
  read(asked: Asked, reply: string): Answer;
}

/** `stats socket … severity-output number` (or `string`) puts `[3]: ` (or `[err]: `) before each message. */
const SEVERITY = /^\[(?:\d|[a-z]+)\]: /;

/** A reply that is a message rather than a table: without severity and surrounding white space, maybe empty. */
export function messageOf(reply: string): string {
  return reply.trim().replace(SEVERITY, '');
}

/** Not a success: HAProxy's own words on one line, shortened where it printed its help text. */
export function refusal(command: string, reply: string): CommandRefused {
  const words = messageOf(reply).replaceAll(/\s+/g, ' ');
  return new CommandRefused(command, words === '' ? '(an empty reply)' : words);
}
