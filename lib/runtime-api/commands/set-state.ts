/** `set server BACKEND/SERVER state ready|drain|maint`: the admin state of a server. */

import type { RuntimeCommand } from '../../model/command.ts';
import type { CommandOutcome } from '../runtime-session.ts';
import { type CommandCodec, messageOf, refusal } from './codec.ts';
import { serverReference } from './server-reference.ts';

type SetState = Extract<RuntimeCommand, { kind: 'set-state' }>;

export const setState: CommandCodec<SetState, CommandOutcome> = {
  /** @throws RangeError for a name outside the allow-list or a state that is not one of the three. */
  encode({ backend, server, state }) {
    const reference = serverReference({ backend, server });
    if (!['ready', 'drain', 'maint'].includes(state)) throw new RangeError(`not an admin state: ${state}`);
    return `set server ${reference} state ${state}`;
  },

  /**
   * Only an empty reply is a success, and it does not mean that the server has that state now: one that tracks a
   * server in maint stays in maint after `ready` (measured on 2.2 to 3.2). Read it back.
   */
  read(asked, reply) {
    if (messageOf(reply) === '') return { done: true };
    return { done: false, refused: refusal(this.encode(asked), reply) };
  },
};
