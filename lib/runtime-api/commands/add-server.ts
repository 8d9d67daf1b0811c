/**
 * `add server BACKEND/SERVER ADDRESS:PORT OPTIONS disabled weight WEIGHT id ID`: a server that the
 * configuration does not have.
 *
 * HAProxy 2.6 and newer, where the backend's balance algorithm is dynamic. The new server is in maint and its checks
 * do not run. Its line stands alone: what `default-server` says does not apply (measured on 2.6, 3.0 and 3.2).
 *
 * It would be in maint without `disabled` as well. But a state file remembers the word: a server that was added without
 * it, made ready, and saved, comes back in maint where the new configuration declares it `disabled` (measured).
 */

import type { RuntimeCommand } from '../../model/command.ts';
import { endpointKey } from '../../model/endpoint.ts';
import { isPlainWord } from '../../model/server-options.ts';
import type { CommandOutcome } from '../runtime-session.ts';
import { checkedAddress } from './checked-address.ts';
import { type CommandCodec, messageOf, refusal } from './codec.ts';
import { serverReference } from './server-reference.ts';
import { checkedWeight } from './set-weight.ts';

type AddServer = Extract<RuntimeCommand, { kind: 'add-server' }>;

/** The same words on 2.6, 3.0 and 3.2. The second and the id's: an earlier pass, or another at this moment, has added it. */
const THERE = ['New server registered.', 'Already exists a server with the same name in backend.'];
const ID_USED_BY = /^'id' : custom id \d+ already used at .* \('server (\S+)'\)\.$/;
const HIGHEST_ID = 2 ** 31 - 1;

export const addServer: CommandCodec<AddServer, CommandOutcome> = {
  /**
   * The weight and the id come last: of a word that is given twice, HAProxy takes the last.
   *
   * @throws RangeError for a name, an address, a port or a weight that is none, an id that is not an integer from 1
   *   to 2147483647, options that are not plain words with one space between.
   */
  encode({ backend, server, address, port, weight, id, options }) {
    const reference = serverReference({ backend, server });
    const words = options === '' ? [] : options.split(' ');
    if (!words.every(isPlainWord)) throw new RangeError(`not plain options: ${JSON.stringify(options)}`);
    if (!Number.isInteger(id) || id < 1 || id > HIGHEST_ID) throw new RangeError(`not a server id: ${id}`);
    const at = endpointKey(checkedAddress({ address, port }));
    return [
      'add server',
      reference,
      at,
      ...words,
      'disabled',
      'weight',
      checkedWeight(weight),
      'id',
      id,
    ].join(' ');
  },

  /** Success also when there is such a server; then it need not be as asked. Read it back. */
  read(asked, reply) {
    const message = messageOf(reply);
    if (THERE.includes(message) || ID_USED_BY.exec(message)?.[1] === asked.server) return { done: true };
    return { done: false, refused: refusal(this.encode(asked), reply) };
  },
};
