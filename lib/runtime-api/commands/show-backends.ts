/**
 * `show stat -1 6 -1`: the statistics of all backends (2) and their servers (4), of which what the configuration says is
 * read here. Comma separated, the first line names the columns after a `#`.
 */

import { ReplyNotUnderstood } from '../errors.ts';
import { type CommandCodec, refusal } from './codec.ts';

export interface BackendFacts {
  /** `balance`, its first word; empty: HAProxy does not say. */
  readonly algorithm: string;
  /** The name of its cookie; empty: it has none. */
  readonly cookie: string;
  /** Servers that follow another one's checks (`track`). */
  readonly tracking: readonly string[];
}

const COMMAND = 'show stat -1 6 -1';
const COLUMNS = ['pxname', 'svname', 'algo', 'cookie', 'tracked'];

export const showBackends: CommandCodec<undefined, ReadonlyMap<string, BackendFacts>> = {
  encode() {
    return COMMAND;
  },

  /**
   * By the backend's name; of two proxies with one name the last. Measured on 2.2, 2.6, 3.0 and 3.2, level admin.
   *
   * @throws CommandRefused for an answer that is a message.
   * @throws ReplyNotUnderstood when a column is missing.
   */
  read(_asked, reply) {
    const [header = '', ...lines] = reply.split('\n');
    if (!header.startsWith('#')) throw refusal(COMMAND, reply);
    const names = header.replace(/^#\s*/, '').split(',');
    const missing = COLUMNS.filter((column) => !names.includes(column));
    if (missing.length > 0) throw new ReplyNotUnderstood(COMMAND, `it has no column ${missing.join(', ')}`);
    const facts = new Map<string, BackendFacts>();
    const tracking = new Map<string, string[]>();
    for (const line of lines.filter((text) => text.trim() !== '')) {
      const values = line.split(',');
      const of = (column: string) => values[names.indexOf(column)] ?? '';
      const backend = of('pxname');
      if (of('svname') === 'BACKEND')
        facts.set(backend, { algorithm: of('algo'), cookie: of('cookie'), tracking: [] });
      else if (of('tracked') !== '') tracking.set(backend, [...(tracking.get(backend) ?? []), of('svname')]);
    }
    return new Map([...facts].map(([name, one]) => [name, { ...one, tracking: tracking.get(name) ?? [] }]));
  },
};
