/** Twenty thousand registrations that cannot be used cost twenty names and a count, wherever they are told. */

import { expect, test } from 'vitest';
import { refusedLines } from '../../lib/cli/output/backends.ts';
import type { Fleet } from '../../lib/model/fleet.ts';
import type { HealthEntry } from '../../lib/model/service-entry.ts';
import { slotsOfBackend } from '../../lib/model/slot-table.ts';
import { knownInstancesKey, slotTableKey } from '../../lib/store/keys.ts';
import { decodeSlotTable } from '../../lib/store/slot-table-document.ts';
import { passFleet } from '../../lib/sync/pass.ts';
import type { SyncEvent, SyncPorts } from '../../lib/sync/ports.ts';
import { previewFleet } from '../../lib/sync/preview.ts';
import { fleetStatus } from '../../lib/sync/status.ts';
import { createMemoryStore } from '../bench/memory-store.ts';
import { policy } from '../slots/records.ts';

const COUNT = 20_000;
const OF_BACKEND = { service: 'web', slots: 4, spare: 0, drainMs: 0 };

const FLEET: Fleet = {
  name: 'edge',
  instances: [],
  instancesFrom: { service: 'lbs', scheme: 'tcp', tags: [] },
  ...{ tls: {}, snapshotEveryMs: 0, reportEveryMs: 0, shard: 50, timeoutMs: 1_000, template: null },
  backends: [policy({ backend: 'be', ...OF_BACKEND })],
};

function entry(number: number, differs: Partial<HealthEntry>): HealthEntry {
  return {
    ...{ node: `node${number}`, id: 'web', address: '10.0.0.1', port: 80, tags: [], status: 'passing' },
    weights: { passing: 1, warning: 1 },
    ...differs,
  };
}

const many = (differs: (number: number) => Partial<HealthEntry>) =>
  Array.from({ length: COUNT }, (_, number) => entry(number, differs(number)));

async function bench(entries: readonly HealthEntry[]) {
  const store = createMemoryStore();
  const events: SyncEvent[] = [];
  const ports: SyncPorts = {
    ...{ store, now: () => 1_000_000, log: (event) => void events.push(event) },
    readService: async (service) => ({
      entries: service === 'lbs' ? many(() => ({ address: 'lb.internal' })) : entries,
    }),
    openSession: () => Promise.reject(new Error('there is nobody')),
  };
  await passFleet(ports, FLEET, { entries: new Map(), snapshots: 'when-due' });
  const body = (await store.get(slotTableKey('edge')))?.body ?? '';
  const told = (event: SyncEvent['event']) => events.filter((one) => one.event === event);
  const instances = (await store.get(knownInstancesKey('edge')))?.body ?? '';
  return { store, ports, told, body, instances, slots: slotsOfBackend(decodeSlotTable('k', body), 'be') };
}

test.each([
  {
    what: 'no address',
    differs: (number: number) => ({ address: `host${number}.internal` }),
    more: COUNT - 20,
  },
  {
    what: 'no port',
    differs: (number: number) => ({ address: `10.${number % 250}.0.1`, port: -number }),
    more: COUNT - 20,
  },
  {
    what: 'no slot left',
    differs: (number: number) => ({ address: `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}` }),
    more: COUNT - 4095 - 20,
  },
])('$what', async ({ differs, more }) => {
  const { store, ports, told, body, instances, slots } = await bench(many(differs));
  expect(slots?.refused).toHaveLength(20);
  expect(slots?.refusedMore).toBe(more);
  expect(told('endpoint_refused')).toHaveLength(21);
  expect(told('endpoint_refused').at(-1)).toMatchObject({ backend: 'be', more });
  expect(body.length).toBeLessThan(1024 * 1024);

  expect(told('instance_refused')).toHaveLength(21);
  expect(told('instance_refused').at(-1)).toMatchObject({ more: COUNT - 20 });
  expect(instances.length).toBeLessThan(10_000);

  const status = await fleetStatus(store, FLEET);
  expect(status.backends.be).toMatchObject({ refusedMore: more });
  expect(status).toMatchObject({ refusedInstancesMore: COUNT - 20 });
  const lines = refusedLines(status.backends, status);
  expect(lines).toHaveLength(21);
  expect(lines.at(-1)).toContain(`… and ${more + COUNT} more`);
  const preview = await previewFleet(ports, FLEET);
  expect(preview).toMatchObject({ changed: false, refusedInstancesMore: COUNT - 20 });
});

test('twenty thousand odd weights are twenty lines and a count', async () => {
  const { told } = await bench(
    many((number) => ({
      address: `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`,
      weights: { passing: -1 - number, warning: 1 },
    })),
  );
  expect(told('endpoint_noticed')).toHaveLength(21);
});
