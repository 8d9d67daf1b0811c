/**
 * Several passes at once on one fleet, in a thousand interleavings of everything they do to the store: no update is
 * lost, generations only rise, one writer's work is never half overwritten. No HAProxy takes part.
 */

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { endpointKey } from '../../lib/model/endpoint.ts';
import type { Fleet } from '../../lib/model/fleet.ts';
import type { SlotTable } from '../../lib/model/slot-table.ts';
import { decodeCurrentConfiguration } from '../../lib/store/current-document.ts';
import {
  configurationKey,
  currentConfigurationKey,
  generationConfigurationKey,
  generationSlotTableKey,
  slotTableKey,
} from '../../lib/store/keys.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { decodeSlotTable } from '../../lib/store/slot-table-document.ts';
import { passFleet } from '../../lib/sync/pass.ts';
import type { SyncPorts } from '../../lib/sync/ports.ts';
import { releaseBackend } from '../../lib/sync/release.ts';
import { policy } from '../slots/records.ts';
import { entries, TEMPLATE } from './bench-fleet.ts';

const FLEET: Fleet = {
  name: 'edge',
  instances: [],
  tls: {},
  instancesFrom: null,
  snapshotEveryMs: 60_000,
  reportEveryMs: 0,
  shard: 50,
  timeoutMs: 5_000,
  template: { path: 'edge.cfg.j2', text: TEMPLATE },
  backends: [policy({ slots: 12, drainMs: 0, keep: 0.5, holdMs: 60_000 })],
};
const [BACKEND = policy()] = FLEET.backends;
const OPTIONS = { entries: new Map(), snapshots: 'when-due' } as const;

const digest = (text: string) => createHash('sha256').update(text).digest('hex');

/** A store in memory; every operation takes effect in one go, at a moment that the scheduler chooses. */
function scheduledStore(scheduler: fc.Scheduler) {
  const objects = new Map<string, string>();
  const generations: number[] = [];
  /** Generations of current.json, as they were written. */
  const published: number[] = [];
  const rewritten: string[] = [];
  const put = (key: string, body: string) => {
    if (key.includes('/generations/') && objects.has(key) && objects.get(key) !== body) rewritten.push(key);
    if (key === slotTableKey(FLEET.name)) generations.push(decodeSlotTable(key, body).generation);
    if (key === currentConfigurationKey(FLEET.name)) {
      published.push(decodeCurrentConfiguration(key, body).generation);
    }
    objects.set(key, body);
  };
  const turn = () => scheduler.schedule(Promise.resolve());
  const store: ObjectStore = {
    async get(key) {
      await turn();
      const body = objects.get(key);
      return body === undefined ? null : { body, etag: digest(body) };
    },
    async put(key, body) {
      await turn();
      put(key, body);
    },
    async putIf(key, body, expected) {
      await turn();
      const present = objects.get(key);
      const etag = present === undefined ? null : digest(present);
      if (etag !== expected) return 'lost-race';
      put(key, body);
      return { etag: digest(body) };
    },
  };
  return { store, objects, generations, published, rewritten, turn };
}

function servingIn(table: SlotTable): string[] {
  const slots = table.backends.be_template?.slots ?? [];
  return slots.flatMap((slot) => (slot.state === 'serving' ? [endpointKey(slot)] : []));
}

test('passes and releases at once, while Consul changes', async () => {
  const someCounts = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), someCounts, async (scheduler, counts) => {
      const { store, objects, generations, published, rewritten, turn } = scheduledStore(scheduler);
      let registered = entries(1, 5);
      let nowMs = 1_000_000;
      const ports: SyncPorts = {
        store,
        async readService() {
          const now = registered;
          await turn();
          return { entries: now };
        },
        openSession: () => Promise.reject(new Error('there is no instance')),
        now: () => (nowMs += 1),
        log: () => {},
      };
      const passes = async (count: number) => {
        for (let pass = 0; pass < count; pass += 1) await passFleet(ports, FLEET, OPTIONS);
      };
      const changes = async () => {
        for (const count of counts) {
          await turn();
          registered = entries(1, count);
        }
      };
      const release = async () => void (await releaseBackend(ports, FLEET, BACKEND, { empty: true }));
      await scheduler.waitFor(Promise.all([passes(2), passes(2), changes(), release()]));

      // Whoever is ready in the end serves after one more pass, whatever the races did before.
      await scheduler.waitFor(passes(1));
      const table = decodeSlotTable('slots.json', objects.get(slotTableKey(FLEET.name)) ?? '');
      const served = servingIn(table);
      for (const { address, port } of registered) expect(served).toContain(endpointKey({ address, port }));
      expect(new Set(served).size).toBe(served.length);

      expect(generations).toEqual(generations.map((_, index) => index + 1));
      expect(published).toEqual([...new Set(published)].sort((one, other) => one - other));
      expect(rewritten).toEqual([]);
      const file = objects.get(configurationKey(FLEET.name)) ?? '';
      const current = objects.get(currentConfigurationKey(FLEET.name)) ?? '';
      const { generation, sha256 } = decodeCurrentConfiguration('current.json', current);
      expect([generation, sha256]).toEqual([table.generation, digest(file)]);
      expect(table.configuration?.sha256).toBe(sha256);
      expect(objects.get(generationConfigurationKey(FLEET.name, generation))).toBe(file);
      expect(objects.get(generationSlotTableKey(FLEET.name, generation))).toBe(
        objects.get(slotTableKey(FLEET.name)),
      );
    }),
    { numRuns: 1_000 },
  );
});
