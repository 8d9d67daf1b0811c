/** How long an instance may take to say its first word. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Fleet, Instance } from '../../lib/model/fleet.ts';
import type { InstanceReport } from '../../lib/model/report.ts';
import type { OpenSession, RuntimeSession } from '../../lib/runtime-api/runtime-session.ts';
import type { SyncPorts } from '../../lib/sync/ports.ts';
import { reach } from '../../lib/sync/reach.ts';
import type { LastReport } from '../../lib/sync/shard-reports.ts';

const TIMEOUT_MS = 5_000;

const instance: Instance = { name: 'lb1', address: { scheme: 'tcp', host: '10.0.0.1', port: 9999 } };
const fleet: Fleet = {
  ...{ name: 'edge', instances: [instance], instancesFrom: null, tls: {}, backends: [], template: null },
  ...{ snapshotEveryMs: 0, reportEveryMs: 0, shard: 50, timeoutMs: TIMEOUT_MS },
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** The last report of an instance that had this process id; null: it could not be reached. */
function last(pid: number | null): LastReport {
  const report: InstanceReport = {
    ...{ version: 1, fleet: 'edge', instance: 'lb1', generation: 1, converged: pid !== null, reason: null },
    ...{ pid, haproxy: null, observedAtMs: 0, readAtMs: null, applied: null, propagation: null, commands: 0 },
    ...{ operatorHeld: [], missingSlots: [], snapshot: null },
  };
  return { known: true, report };
}

/** After how many milliseconds somebody who never answers is given up. */
async function givenUpAfter(memory: LastReport, hurry: boolean): Promise<number> {
  const openSession: OpenSession = (_, { signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('never answered')));
    });
  const ports: SyncPorts = {
    openSession,
    store: { get: async () => null, put: async () => {}, putIf: async () => 'lost-race' },
    readService: async () => ({ entries: [] }),
    now: Date.now,
    log: () => {},
  };
  const startedMs = Date.now();
  const deadline = new AbortController();
  setTimeout(() => deadline.abort(), TIMEOUT_MS);
  const given = reach(ports, fleet, instance, Promise.resolve(memory), { signal: deadline.signal, hurry });
  const ended = given.catch(() => Date.now() - startedMs);
  await vi.advanceTimersByTimeAsync(2 * TIMEOUT_MS);
  return Number(await ended);
}

test.each([
  { what: 'who answered last time', memory: last(7), hurry: TIMEOUT_MS, leisure: TIMEOUT_MS },
  { what: 'who did not answer last time', memory: last(null), hurry: 250, leisure: 1_000 },
  { what: 'a new one', memory: { known: true, report: null }, hurry: TIMEOUT_MS, leisure: TIMEOUT_MS },
  {
    what: 'one of whom nothing is known',
    memory: { known: false, report: null },
    hurry: TIMEOUT_MS,
    leisure: TIMEOUT_MS,
  },
])('$what has $hurry ms in a pass for an event, $leisure ms in a reconcile', async ({
  memory,
  hurry,
  leisure,
}) => {
  expect(await givenUpAfter(memory, true)).toBe(hurry);
  expect(await givenUpAfter(memory, false)).toBe(leisure);
});

test('who answers again has all the time for the rest', async () => {
  const signals: AbortSignal[] = [];
  const session: RuntimeSession = {
    send: async () => [],
    readServers: async () => ({ raw: '', servers: [] }),
    readInfo: async () => ({ pid: 7, version: '3.0.0', uptimeSeconds: 1, startedAtSeconds: null }),
    readLevel: async () => 'admin',
    readSessions: async () => new Map(),
    readBackends: async () => new Map(),
    readUsedConnections: async () => new Map(),
    close: async () => {},
  };
  const ports: SyncPorts = {
    openSession: async (_, { signal }) => {
      signals.push(signal);
      return session;
    },
    store: { get: async () => null, put: async () => {}, putIf: async () => 'lost-race' },
    readService: async () => ({ entries: [] }),
    now: Date.now,
    log: () => {},
  };
  const { signal } = new AbortController();
  expect(await reach(ports, fleet, instance, Promise.resolve(last(null)), { signal, hurry: true })).toBe(
    session,
  );
  await vi.advanceTimersByTimeAsync(60_000);
  expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
});
