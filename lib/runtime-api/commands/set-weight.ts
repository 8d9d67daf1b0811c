/** `set server BACKEND/SERVER weight WEIGHT`: the share of the traffic a server gets. */

import type { RuntimeCommand } from '../../model/command.ts';
import type { CommandOutcome } from '../runtime-session.ts';
import { type CommandCodec, messageOf, refusal } from './codec.ts';
import { serverReference } from './server-reference.ts';

type SetWeight = Extract<RuntimeCommand, { kind: 'set-weight' }>;

export const setWeight: CommandCodec<SetWeight, CommandOutcome> = {
  /** @throws RangeError for a name outside the allow-list or a weight that is not an integer from 0 to 256. */
  encode({ backend, server, weight }) {
    const reference = serverReference({ backend, server });
    return `set server ${reference} weight ${checkedWeight(weight)}`;
  },

  /** Only an empty reply is a success. A backend with a static balance algorithm takes no weight but 0 and its own. */
  read(asked, reply) {
    if (messageOf(reply) === '') return { done: true };
    return { done: false, refused: refusal(this.encode(asked), reply) };
  },
};

/** @throws RangeError for a weight that is not an integer from 0 to 256. */
export function checkedWeight(weight: number): number {
  if (!Number.isInteger(weight) || weight < 0 || weight > 256)
    throw new RangeError(`not a weight: ${weight}`);
  return weight;
}
