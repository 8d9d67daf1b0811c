/**
 * `show servers conn BACKEND`: the connections to one backend's servers, of which those in use are read here.
 *
 * Space separated, one server on a line, the first line names the columns after a `#` (measured on 2.2 to 3.2).
 */

import { ReplyNotUnderstood } from '../errors.ts';
import { type CommandCodec, refusal } from './codec.ts';
import { decimal } from './decimal.ts';
import { backendReference } from './server-reference.ts';

export const showServersConn: CommandCodec<{ readonly backend: string }, ReadonlyMap<string, number>> = {
  /** @throws RangeError for a name outside the allow-list. */
  encode({ backend }) {
    return `show servers conn ${backendReference(backend)}`;
  },

  /**
   * Connections in use (`used_cur`) by the name of the server. No such server: empty.
   *
   * @throws CommandRefused for an answer that is a message, such as `Can't find backend.`
   * @throws ReplyNotUnderstood when a column is missing.
   */
  read(asked, reply) {
    const command = this.encode(asked);
    const [header = '', ...lines] = reply.split('\n');
    if (!header.startsWith('#')) throw refusal(command, reply);
    const at = header.replace(/^#\s*/, '').split(' ').indexOf('used_cur');
    if (at === -1) throw new ReplyNotUnderstood(command, 'it has no column used_cur');

    const used = new Map<string, number>();
    const ours = `${asked.backend}/`;
    for (const line of lines) {
      if (!line.startsWith(ours)) continue;
      const values = line.split(' ');
      const count = decimal(values[at] ?? '');
      if (count === undefined) throw new ReplyNotUnderstood(command, `a line without connections: ${line}`);
      used.set((values[0] ?? '').slice(ours.length), count);
    }
    return used;
  },
};
