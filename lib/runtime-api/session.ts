/** A session with one HAProxy process, over any stream of bytes. */

import type { Duplex } from 'node:stream';
import { LONGEST_REPLY } from '../model/limits.ts';
import { encodeChange, readOutcome } from './commands/change.ts';
import type { CommandCodec } from './commands/codec.ts';
import { showBackends } from './commands/show-backends.ts';
import { showCliLevel } from './commands/show-cli-level.ts';
import { showInfo } from './commands/show-info.ts';
import { showServersConn } from './commands/show-servers-conn.ts';
import { ServersStateReader, showServersState } from './commands/show-servers-state.ts';
import { showStat } from './commands/show-stat.ts';
import { Pipeline } from './pipeline.ts';
import { type Conversation, enterPromptMode } from './prompt-mode.ts';
import type { RuntimeSession } from './runtime-session.ts';

/**
 * Starts a session on a connected stream and owns that stream from then on.
 *
 * @param conversation its signal bounds the whole session, not only the start.
 * @throws InstanceUnreachable when it is not a Runtime API that answers.
 */
export async function startSession(stream: Duplex, conversation: Conversation): Promise<RuntimeSession> {
  await enterPromptMode(stream, conversation);
  const pipeline = new Pipeline(stream, conversation);
  const states = new ServersStateReader();

  const show = async <Asked, Answer>(
    command: CommandCodec<Asked, Answer>,
    asked: Asked,
    longest: number = LONGEST_REPLY.table,
  ): Promise<Answer> => {
    const [reply = ''] = await pipeline.ask([command.encode(asked)], longest);
    return command.read(asked, reply);
  };
  return {
    /** Every command is encoded before the first is written, so that a RangeError means that nothing was sent. */
    async send(commands) {
      const replies = await pipeline.ask(commands.map(encodeChange), LONGEST_REPLY.message);
      return commands.map((command, index) => readOutcome(command, replies[index] ?? ''));
    },

    async readServers(backend) {
      const asked = backend === undefined ? {} : { backend };
      const [reply = ''] = await pipeline.ask([showServersState.encode(asked)], LONGEST_REPLY.table);
      return states.read(asked, reply);
    },

    async readInfo() {
      return show(showInfo, undefined, LONGEST_REPLY.message);
    },

    async readLevel() {
      return show(showCliLevel, undefined, LONGEST_REPLY.message);
    },

    async readSessions(backend) {
      const sessions = await show(showStat, { backend, of: 'one' });
      return sessions.size > 0 ? sessions : show(showStat, { backend, of: 'all' });
    },

    async readUsedConnections(backend) {
      return show(showServersConn, { backend });
    },

    async readBackends() {
      return show(showBackends, undefined);
    },

    close() {
      return pipeline.close();
    },
  };
}
