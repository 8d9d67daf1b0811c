/**
 * `enable health BACKEND/SERVER` and `enable agent BACKEND/SERVER`: a server's checks run from now on.
 *
 * A server that `add server` made has its checks off. Enabled before its checks are, it counts as up for ever.
 */

import type { RuntimeCommand } from '../../model/command.ts';
import type { CommandOutcome } from '../runtime-session.ts';
import { type CommandCodec, messageOf, refusal } from './codec.ts';
import { serverReference } from './server-reference.ts';

type EnableCheck = Extract<RuntimeCommand, { kind: 'enable-health' | 'enable-agent' }>;

export const enableCheck: CommandCodec<EnableCheck, CommandOutcome> = {
  /** @throws RangeError for a name outside the allow-list. */
  encode({ kind, backend, server }) {
    const check = kind === 'enable-health' ? 'health' : 'agent';
    return `enable ${check} ${serverReference({ backend, server })}`;
  },

  /** Only an empty reply is a success, also for checks that ran already. A server without such a check: a refusal. */
  read(asked, reply) {
    if (messageOf(reply) === '') return { done: true };
    return { done: false, refused: refusal(this.encode(asked), reply) };
  },
};
