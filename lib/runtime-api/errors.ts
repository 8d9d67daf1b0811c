/** What can go wrong between us and one HAProxy process. What it says is quoted short, and with nothing invisible. */

import { LONGEST_SHOWN } from '../model/limits.ts';
import { printable } from '../model/printable.ts';

/**
 * HAProxy said no, or something that is not known as a yes for this command. Sending it again will not help.
 *
 * For `Permission denied` the message also says what the operator has to change.
 */
export class CommandRefused extends Error {
  override readonly name = 'CommandRefused';
  readonly code = 'RUNTIME_API_COMMAND_REFUSED';
  readonly command: string;
  /** HAProxy's own words, one line. */
  readonly reply: string;

  constructor(command: string, reply: string) {
    const words = printable(reply, LONGEST_SHOWN.reply);
    super(`HAProxy refused \`${command}\`: ${words}${adviceFor(words)}`);
    this.command = command;
    this.reply = words;
  }
}

function adviceFor(reply: string): string {
  return reply.startsWith('Permission denied')
    ? ' (this Runtime API may only read: give its `stats socket` line in haproxy.cfg `level admin`)'
    : '';
}

/**
 * HAProxy answered a `show` command in a format that this version of Hitless does not know. Neither a refusal nor a
 * lost session: the same HAProxy will answer the same again.
 */
export class ReplyNotUnderstood extends Error {
  override readonly name = 'ReplyNotUnderstood';
  readonly code = 'RUNTIME_API_REPLY_NOT_UNDERSTOOD';
  readonly command: string;
  readonly why: string;

  constructor(command: string, why: string) {
    const words = printable(why, LONGEST_SHOWN.line);
    super(`cannot read what HAProxy answered to \`${command}\`: ${words}`);
    this.command = command;
    this.why = words;
  }
}

/** There is no Runtime API to talk to at this address. A later pass may find one. */
export class InstanceUnreachable extends Error {
  override readonly name = 'InstanceUnreachable';
  readonly code = 'RUNTIME_API_UNREACHABLE';
  readonly address: string;
  readonly why: string;

  constructor(address: string, why: string, cause?: unknown) {
    super(`no Runtime API at ${address}: ${why}`, { cause });
    this.address = address;
    this.why = why;
  }
}

/**
 * The conversation ended before every reply was in. Which of the outstanding commands HAProxy executed is unknown:
 * read its state before anything is sent again.
 */
export class SessionLost extends Error {
  override readonly name = 'SessionLost';
  readonly code = 'RUNTIME_API_SESSION_LOST';
  readonly address: string;
  readonly why: string;
  /** Commands that were written and have no reply. */
  readonly outstanding: number;

  constructor(address: string, why: string, outstanding: number, cause?: unknown) {
    super(`lost the Runtime API session with ${address}: ${why} (${outstanding} commands without a reply)`, {
      cause,
    });
    this.address = address;
    this.why = why;
    this.outstanding = outstanding;
  }
}
