/**
 * `del server BACKEND/SERVER`: the process forgets a server, also one of its configuration. HAProxy 2.6 and newer.
 *
 * Only a server in maint, without connections, that nobody else refers to; HAProxy says which of them it is not.
 */

import type { RuntimeCommand } from '../../model/command.ts';
import type { CommandOutcome } from '../runtime-session.ts';
import { type CommandCodec, messageOf, refusal } from './codec.ts';
import { serverReference } from './server-reference.ts';

type DelServer = Extract<RuntimeCommand, { kind: 'del-server' }>;

/** The same words on 2.6, 3.0 and 3.2. The second: another pass was quicker. */
const GONE = ['Server deleted.', 'No such server.'];

export const delServer: CommandCodec<DelServer, CommandOutcome> = {
  /** @throws RangeError for a name outside the allow-list. */
  encode({ backend, server }) {
    return `del server ${serverReference({ backend, server })}`;
  },

  /** Success also when there is no such server. */
  read(asked, reply) {
    if (GONE.includes(messageOf(reply))) return { done: true };
    return { done: false, refused: refusal(this.encode(asked), reply) };
  },
};
