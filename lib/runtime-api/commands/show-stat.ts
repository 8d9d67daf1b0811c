/**
 * `show stat BACKEND 4 -1`: the statistics of one backend's servers (4), of which the sessions are read here.
 *
 * Comma separated, the first line names the columns after a `#`. Only columns left of any quoted one are read.
 */

import { ReplyNotUnderstood } from '../errors.ts';
import { type CommandCodec, refusal } from './codec.ts';
import { decimal } from './decimal.ts';
import { backendReference } from './server-reference.ts';

export interface ShowStatAsked {
  readonly backend: string;
  /**
   * `one` asks for the backend by name. HAProxy then looks at the first proxy of that name, and where a frontend
   * has the backend's name its answer is empty (measured on 2.2 to 3.2); `all` asks for every backend's servers.
   */
  readonly of: 'one' | 'all';
}

export const showStat: CommandCodec<ShowStatAsked, ReadonlyMap<string, number>> = {
  /** @throws RangeError for a name outside the allow-list. */
  encode({ backend, of }) {
    const name = backendReference(backend);
    return `show stat ${of === 'one' ? name : '-1'} 4 -1`;
  },

  /**
   * Current sessions plus queued requests (`scur` + `qcur`) by the name of the server. No such server: empty.
   *
   * @throws CommandRefused for an answer that is a message, such as `No such proxy.`
   * @throws ReplyNotUnderstood when a column is missing.
   */
  read(asked, reply) {
    const command = this.encode(asked);
    const [header = '', ...lines] = reply.split('\n');
    if (!header.startsWith('#')) throw refusal(command, reply);
    const names = header.replace(/^#\s*/, '').split(',');
    const missing = ['pxname', 'svname', 'qcur', 'scur'].filter((column) => !names.includes(column));
    if (missing.length > 0) throw new ReplyNotUnderstood(command, `it has no column ${missing.join(', ')}`);

    const sessions = new Map<string, number>();
    for (const line of lines.filter((text) => text.trim() !== '')) {
      const values = line.split(',');
      const of = (column: string) => values[names.indexOf(column)] ?? '';
      if (of('pxname') !== asked.backend) continue;
      const [current, queued] = [decimal(of('scur')), decimal(of('qcur'))];
      if (current === undefined || queued === undefined) {
        throw new ReplyNotUnderstood(command, `a line without sessions: ${line}`);
      }
      sessions.set(of('svname'), current + queued);
    }
    return sessions;
  },
};
