/** Where the time of a pass over one instance goes: a session that writes down how long each of its calls took. */

import type { OpenSession, RuntimeSession } from '../../../lib/runtime-api/runtime-session.ts';

export type Spent = Map<'open' | 'show' | 'send' | 'close', number>;

export function timedSessions(open: OpenSession, spent: Spent): OpenSession {
  const timed = async <T>(part: 'open' | 'show' | 'send' | 'close', work: Promise<T>): Promise<T> => {
    const startedMs = performance.now();
    const answer = await work;
    spent.set(part, (spent.get(part) ?? 0) + performance.now() - startedMs);
    return answer;
  };
  return async (address, options): Promise<RuntimeSession> => {
    const session = await timed('open', open(address, options));
    return {
      ...session,
      send: (commands) => timed('send', session.send(commands)),
      readServers: (backend) => timed('show', session.readServers(backend)),
      readSessions: (backend) => timed('show', session.readSessions(backend)),
      readBackends: () => timed('show', session.readBackends()),
      readUsedConnections: (backend) => timed('show', session.readUsedConnections(backend)),
      close: () => timed('close', session.close()),
    };
  };
}
