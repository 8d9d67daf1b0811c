/**
 * SIGKILL at random moments of a pass: the next one converges, and what an operator did by hand is as it was.
 * HITLESS_KILLS says how often on each version (200 for a long run), HITLESS_SEED at which moments.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { haproxyVersions } from '../../infra/local/servers.ts';
import { temporaryFolder } from '../../infra/local/temporary-folder.ts';
import { until } from '../../infra/local/until.ts';
import type { Fleet } from '../../lib/model/fleet.ts';
import { slotTableKey } from '../../lib/store/keys.ts';
import { decodeSlotTable } from '../../lib/store/slot-table-document.ts';
import type { SyncPorts } from '../../lib/sync/ports.ts';
import { fakeConsul, haproxy } from '../cli/bench.ts';
import { endpoints } from '../cli/fake-consul.ts';
import { articleBackend, shownBy } from './bench-fleet.ts';
import { killFleet, killPass, killPorts, SLOTS } from './kill-fleet.ts';
import { startSlowRelay } from './slow-relay.ts';

const CHILD = fileURLToPath(new URL('./pass-child.ts', import.meta.url));
const KILLS = Number(process.env.HITLESS_KILLS ?? 10);
const SEED = Number(process.env.HITLESS_SEED ?? Date.now() % 1_000_000);
/** So much goes over the wire in a pass with a hundred changes; passes with less are followed by others. */
const MOST_BYTES = 6_000;

/** The two that an operator holds, and up to 50 others, most of them new with each reading. */
const someReading = fc.record({
  net: fc.noBias(fc.integer({ min: 62, max: 69 })),
  count: fc.noBias(fc.integer({ min: 10, max: 50 })),
  weight: fc.constantFrom(1, 1, 7),
});
const someKill = fc.record({
  before: someReading,
  after: someReading,
  passes: fc.integer({ min: 1, max: 3 }),
  /** When so many bytes of commands got through to HAProxy since the reading changed. */
  afterBytes: fc.noBias(fc.integer({ min: 0, max: MOST_BYTES })),
});

type Reading = typeof someReading extends fc.Arbitrary<infer T> ? T : never;

function registered({ net, count, weight }: Reading) {
  const others = endpoints(net, count).map((one) => ({ ...one, weight }));
  return [...endpoints(61, 3), ...others];
}

/** Resolves at the child's `count`th pass from now. */
async function passes(child: ChildProcess, count: number): Promise<void> {
  if (child.stdout === null) throw new Error('the child has no standard output');
  for (let seen = 0; seen < count; ) {
    const [chunk] = await once(child.stdout, 'data', { signal: AbortSignal.timeout(30_000) });
    seen += String(chunk).split('pass').length - 1;
  }
}

/** Each slot as the table wants it. */
async function wanted({ store }: SyncPorts, fleet: Fleet): Promise<string[]> {
  const stored = await store.get(slotTableKey(fleet.name));
  const table = decodeSlotTable('slots.json', stored?.body ?? '');
  return (table.backends.be_template?.slots ?? []).map((slot, index) =>
    slot.state === 'serving'
      ? `websrv${index + 1} ${slot.address}:${slot.port} ready ${slot.weight}`
      : `websrv${index + 1} 0.0.0.0:80 maint`,
  );
}

describe.each(await haproxyVersions())('HAProxy $version', ({ path: binary }) => {
  test(
    `after each of ${KILLS} kills (seed ${SEED}) one pass converges, and the operator's servers are untouched`,
    async () => {
      const [lb, consul] = await Promise.all([
        haproxy({ binary, backend: articleBackend(SLOTS) }),
        fakeConsul(),
      ]);
      const relay = await startSlowRelay(lb.runtime);
      onTestFinished(() => relay.stop());
      const store = temporaryFolder('kill');
      onTestFinished(() => store.remove());
      const fleet = killFleet({ scheme: 'unix', path: lb.socket });
      const ports = killPorts(store.path, consul.url);

      consul.register(endpoints(61, 3));
      await killPass(ports, fleet);
      await lb.ask('set server be_template/websrv1 state drain');
      await lb.ask('set server be_template/websrv2 state maint');
      const held = ['websrv1 127.0.61.1:8080 drain 1', 'websrv2 127.0.61.2:8080 maint 1'];
      let generation = 0;
      let halfDone = 0;

      for (const kill of fc.sample(someKill, { numRuns: KILLS, seed: SEED })) {
        consul.register(registered(kill.before));
        const child = spawn(process.execPath, [CHILD, store.path, consul.url, String(relay.port)], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        onTestFinished(() => void child.kill('SIGKILL'));
        await passes(child, kill.passes);
        consul.register(registered(kill.after));
        const from = relay.bytes();
        await until(() => relay.bytes() >= from + kill.afterBytes, {
          what: 'the moment of the kill',
          every: 1,
        });
        child.kill('SIGKILL');
        await once(child, 'exit');
        const left = await shownBy(lb);
        expect(left.slice(0, 2)).toEqual(held);
        // Weight 0 is how Hitless marks what it has begun.
        if (left.some((line) => line.endsWith(' 0'))) halfDone += 1;

        const { applied, table } = await killPass(ports, fleet);
        expect(applied[0]?.report.reason).toBeNull();
        expect(applied[0]?.report.operatorHeld).toHaveLength(2);
        expect(table.generation).toBeGreaterThanOrEqual(generation);
        generation = table.generation;
        const after = await shownBy(lb);
        expect(after.slice(0, 2)).toEqual(held);
        expect(after.slice(2)).toEqual((await wanted(ports, fleet)).slice(2));
        expect((await killPass(ports, fleet)).applied[0]?.report.commands).toBe(0);
      }
      expect(halfDone).toBeGreaterThan(0);
    },
    60_000 + KILLS * 5_000,
  );
});
