/** The part of a reply that is the same whenever the same HAProxy is asked. */

import type { Exchange } from './conversation.ts';

/** Times become `T`; of tables and help texts stays what Hitless reads. */
export function stable({ send, reply }: Pick<Exchange, 'send' | 'reply'>): string {
  if (send.startsWith('show servers state ')) return reply.replaceAll(TIME_SINCE_LAST_CHANGE, '$1T ');
  if (send === 'show info\n')
    return linesThat(reply, /^(?:Name|Version|Pid|Uptime_sec): /, (line) => line.split(':', 1));
  if (send.startsWith('show stat ') && reply.startsWith('#')) {
    return linesThat(reply, /^\S+,|^# /, (line) => line.split(',', 5));
  }
  if (reply.startsWith(HELP)) return HELP;
  return reply;
}

/** `add server` on 2.2, and what no version knows: the rest is a list of all commands. */
const HELP = 'Unknown command';

/** The tenth column of a line that begins with a number. */
const TIME_SINCE_LAST_CHANGE = /^(\d+ (?:\S+ ){8})\d+ /gm;

function linesThat(reply: string, form: RegExp, keep: (line: string) => string[]): string {
  const lines = reply.split('\n').filter((line) => form.test(line));
  return lines.map((line) => keep(line).join()).join('\n');
}
