/** No backend loses its last server, whatever happens between two reads. */

import { expect, test } from 'vitest';
import type { RuntimeCommand } from '../../lib/model/command.ts';
import type { ObservedServer } from '../../lib/model/observed.ts';
import type { RuntimeSession } from '../../lib/runtime-api/runtime-session.ts';
import { carryOut } from '../../lib/sync/carry-out.ts';
import { FREE, planOf, seen, serving, table } from '../plan/records.ts';

const E1 = { address: '10.0.0.1', port: 8080 };
const E2 = { address: '10.0.0.2', port: 8080 };
const READY = [seen(1, { ...E1, admin: 'ready' }), seen(2, { ...E2, admin: 'ready' })];

function sessionThatShows(servers: readonly ObservedServer[]) {
  const sent: RuntimeCommand[] = [];
  const nobody = async () => new Map<string, number>();
  const session: RuntimeSession = {
    async send(commands) {
      sent.push(...commands);
      return commands.map(() => ({ done: true }));
    },
    readServers: async () => ({ raw: '', servers }),
    readInfo: async () => ({ pid: 1, version: '3.0.11', uptimeSeconds: 1 }),
    readLevel: async () => 'admin',
    readSessions: nobody,
    readUsedConnections: nobody,
    close: async () => {},
  };
  return { session, sent };
}

test('a server that leaves stays when an operator has taken the other one out since the plan was made', async () => {
  const plan = planOf(table(serving(E1), FREE), READY);
  const now = [seen(1, { ...E1, admin: 'drain' }), seen(2, { ...E2, admin: 'ready' })];
  const { session, sent } = sessionThatShows(now);
  const { problems } = await carryOut(session, '3.0.11', plan, { raw: '', servers: now });
  expect(sent).toEqual([]);
  expect(problems).toMatchObject([{ slot: 'websrv2', reason: expect.stringContaining('held back') }]);
});

test('the last server leaves when the table has nobody take requests', async () => {
  const { session, sent } = sessionThatShows(READY);
  await carryOut(session, '3.0.11', planOf(table(serving(E1, 0), FREE), READY), { raw: '', servers: READY });
  expect(sent).toContainEqual({
    kind: 'set-state',
    backend: 'be_template',
    server: 'websrv2',
    state: 'maint',
  });
});
