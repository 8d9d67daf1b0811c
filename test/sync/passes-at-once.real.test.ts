/** Several passes at once on one HAProxy, without turns: as `changed` and `apply` on AWS, and a `sync` beside a worker. */

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { haproxyVersions } from '../../infra/local/servers.ts';
import { openSession } from '../../lib/runtime-api/connect.ts';
import type { OpenSession } from '../../lib/runtime-api/runtime-session.ts';
import { passFleet } from '../../lib/sync/pass.ts';
import { articleBackend, type BenchFleet, entries, shownBy, startBenchFleet } from './bench-fleet.ts';

const ROUNDS = 6;

/** Sessions whose lines reach HAProxy a while after the pass has decided upon them. */
function heldUp(ms: number): OpenSession {
  return async (...asked) => {
    const session = await openSession(...asked);
    return {
      send: (commands) => sleep(ms).then(() => session.send(commands)),
      readServers: (backend) => session.readServers(backend),
      readInfo: () => session.readInfo(),
      readLevel: () => session.readLevel(),
      readSessions: (backend) => session.readSessions(backend),
      readBackends: () => session.readBackends(),
      readUsedConnections: (backend) => session.readUsedConnections(backend),
      close: () => session.close(),
    };
  };
}
const running: BenchFleet[] = [];

afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
});

describe.each(await haproxyVersions())('HAProxy $version', ({ path: binary }) => {
  test.each([2, 6])('%i passes at once end with every server in rotation, and none held', async (passes) => {
    const bench = await startBenchFleet({
      haproxies: [{ binary, backend: articleBackend(5) }],
      policy: { slots: 5, spare: 0, drainMs: 0, keep: 0, holdMs: 0 },
    });
    running.push(bench);
    const [haproxy] = bench.haproxies;
    if (haproxy === undefined) throw new Error('no HAProxy');
    const { takeTurn: _, ...store } = bench.store;
    const options = { entries: new Map(), snapshots: 'when-due' } as const;
    const pass = (_: unknown, heldUpMs = 0) =>
      passFleet({ ...bench.ports, store, openSession: heldUp(heldUpMs) }, bench.fleet, options);
    for (let round = 0; round < ROUNDS; round += 1) {
      bench.consul = entries(10 * round + 1, 5);
      const results = await Promise.all(Array.from({ length: passes }, (_, nth) => pass(_, 8 * nth)));
      expect(results.flatMap(({ applied }) => applied.map(({ report }) => report.reason))).toEqual(
        Array.from({ length: passes }, () => null),
      );
      const shown = await shownBy(haproxy);
      expect(shown.filter((line) => line.endsWith(' ready 1'))).toHaveLength(5);
      const { applied } = await pass(0);
      expect(applied[0]?.report).toMatchObject({ commands: 0, operatorHeld: [], reason: null });
    }
  });
});
