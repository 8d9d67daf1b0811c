/** Whom a fleet consists of, when Consul and the store have their bad days. */

import { describe, expect, test } from 'vitest';
import type { Fleet } from '../../lib/model/fleet.ts';
import type { HealthEntry } from '../../lib/model/service-entry.ts';
import { knownInstancesKey } from '../../lib/store/keys.ts';
import { type ObjectStore, StoreFailed } from '../../lib/store/object-store.ts';
import { findInstances, recallInstances } from '../../lib/sync/find-instances.ts';
import type { SyncEvent, SyncPorts } from '../../lib/sync/ports.ts';
import { createMemoryStore } from '../bench/memory-store.ts';

const KEY = knownInstancesKey('edge');

const fleet: Fleet = {
  name: 'edge',
  instances: [{ name: 'listed', address: { scheme: 'tcp', host: '10.0.9.9', port: 9999 } }],
  instancesFrom: { service: 'haproxy-runtime', scheme: 'tls', tags: [] },
  tls: {},
  snapshotEveryMs: 0,
  reportEveryMs: 0,
  shard: 2,
  timeoutMs: 1_000,
  template: null,
  backends: [],
};

function registered(...numbers: number[]): HealthEntry[] {
  return numbers.map((number) => ({
    ...{ node: `lb${number}`, id: 'haproxy-runtime', address: `10.0.0.${number}`, port: 9999, tags: [] },
    ...{ status: 'passing', weights: { passing: 1, warning: 1 } },
  }));
}

function start(differs: Partial<ObjectStore> = {}) {
  const memory = createMemoryStore();
  const store: ObjectStore = { ...memory, ...differs };
  const events: SyncEvent[] = [];
  const clock = { ms: 0 };
  const consul: { says: HealthEntry[] | Error; asked: number } = { says: [], asked: 0 };
  const ports: SyncPorts = {
    store,
    async readService() {
      consul.asked += 1;
      if (consul.says instanceof Error) throw consul.says;
      return { entries: consul.says };
    },
    openSession: () => Promise.reject(new Error('nobody is asked')),
    now: () => clock.ms,
    log: (event) => events.push(event),
  };
  const find = async (write = true) => {
    const whole = await findInstances(ports, fleet, { write });
    return { ...whole, names: whole.fleet.instances.map(({ name }) => name) };
  };
  return { memory, store, ports, events, clock, consul, find };
}

test('the listed ones come first, then the registered ones, over the scheme of their service', async () => {
  const { consul, find } = start();
  consul.says = registered(2, 1);
  const { fleet: whole, names, refused, consulFailures } = await find();
  expect(names).toEqual(['listed', 'lb1', 'lb2']);
  expect(whole.instances[1]?.address).toEqual({ scheme: 'tls', host: '10.0.0.1', port: 9999 });
  expect([whole.instancesFrom, refused, consulFailures]).toEqual([null, [], []]);
});

test('a fleet that lists all of its instances asks nobody', async () => {
  const { ports, memory, consul } = start();
  const whole = await findInstances(ports, { ...fleet, instancesFrom: null }, { write: true });
  expect(whole.fleet.instances).toEqual(fleet.instances);
  expect([consul.asked, memory.counts().gets]).toEqual([0, 0]);
});

test('what is the same again is not written again; the store alone then knows as much', async () => {
  const { memory, store, consul, find } = start();
  consul.says = registered(1, 2);
  await find();
  expect(memory.counts().puts).toBe(1);
  consul.says = registered(2, 1);
  const { names } = await find();
  expect(memory.counts().puts).toBe(1);
  const recalled = await recallInstances(store, fleet);
  expect(recalled.fleet.instances.map(({ name }) => name)).toEqual(names);
});

test('a look writes nothing', async () => {
  const { memory, consul, find } = start();
  consul.says = registered(1);
  expect((await find(false)).names).toEqual(['listed', 'lb1']);
  expect(memory.counts().puts).toBe(0);
});

test('Consul away: those that are known stay, and its error is told', async () => {
  const { consul, find } = start();
  consul.says = registered(1, 2);
  await find();
  consul.says = new Error('GET /v1/health/service/haproxy-runtime: answered 500');
  const { names, consulFailures } = await find();
  expect(names).toEqual(['listed', 'lb1', 'lb2']);
  expect(consulFailures).toEqual([
    { service: 'haproxy-runtime', error: consul.says.message, usedEvent: false },
  ]);
});

test('Consul away from the start: the listed ones are all', async () => {
  const { consul, find } = start();
  consul.says = new Error('connect ECONNREFUSED');
  expect((await find()).names).toEqual(['listed']);
});

test('Consul says nothing, then a part: nobody is dropped; ten minutes of the part drop the others', async () => {
  const { consul, clock, find, events } = start();
  consul.says = registered(1, 2, 3);
  await find();
  consul.says = [];
  clock.ms += 3_600_000;
  expect((await find()).names).toEqual(['listed', 'lb1', 'lb2', 'lb3']);
  consul.says = registered(3);
  expect((await find()).names).toEqual(['listed', 'lb1', 'lb2', 'lb3']);
  clock.ms += 599_999;
  expect((await find()).names).toEqual(['listed', 'lb1', 'lb2', 'lb3']);
  clock.ms += 1;
  expect((await find()).names).toEqual(['listed', 'lb3']);
  expect(events.filter(({ event }) => event === 'instance_forgotten')).toHaveLength(2);
});

test('newcomers, those forgotten and those refused are told once', async () => {
  const { consul, events, find } = start();
  consul.says = [...registered(1), ...registered(2).map((one) => ({ ...one, address: 'lb2.internal' }))];
  const { names, refused } = await find();
  await find();
  expect(names).toEqual(['listed', 'lb1']);
  expect(refused).toMatchObject([{ name: 'lb2', address: 'lb2.internal' }]);
  expect(events.map(({ event, instance }) => [event, instance])).toEqual([
    ['instance_found', 'lb1'],
    ['instance_refused', 'lb2'],
  ]);
});

test('a registration of a listed instance is that instance, also when it was known before it was listed', async () => {
  const { ports, consul, find } = start();
  consul.says = registered(1, 2);
  await find();
  const address = { scheme: 'tcp', host: '10.0.0.1', port: 9999 } as const;
  const now = { ...fleet, instances: [{ name: 'mine', address }] };
  const { fleet: whole, refused } = await findInstances(ports, now, { write: true });
  expect(whole.instances.map(({ name }) => name)).toEqual(['mine', 'lb2']);
  expect(refused).toEqual([]);
});

test('of another service nothing is known', async () => {
  const { store, consul, find } = start();
  consul.says = registered(1);
  await find();
  const other = { ...fleet, instancesFrom: { service: 'other', scheme: 'tcp', tags: [] } } as const;
  expect((await recallInstances(store, other)).fleet.instances).toEqual(fleet.instances);
});

describe('the store', () => {
  test('a race is won by whoever was first, and the other starts from there', async () => {
    const { memory, store, ports, consul, find } = start();
    const { putIf } = store;
    const rival = { ...ports, readService: async () => ({ entries: registered(1, 2) }) };
    Object.assign(store, {
      async putIf(key: string, body: string, expected: string | null) {
        Object.assign(store, { putIf });
        await findInstances(rival, fleet, { write: true });
        return putIf(key, body, expected);
      },
    });
    consul.says = registered(2, 3);
    const { names } = await find();
    expect(names).toEqual(['listed', 'lb1', 'lb2', 'lb3']);
    expect((await recallInstances(store, fleet)).fleet.instances.map(({ name }) => name)).toEqual(names);
    expect(memory.counts().puts).toBe(3);
  });

  test('what cannot be read is no pass; what is not written is told and written next time', async () => {
    const failed = new StoreFailed('put', KEY, new Error('denied'));
    const { store, consul, events, find } = start();
    const { putIf } = store;
    Object.assign(store, { putIf: () => Promise.reject(failed) });
    consul.says = registered(1);
    expect((await find()).names).toEqual(['listed', 'lb1']);
    expect(events).toContainEqual(
      expect.objectContaining({ event: 'failed', error: expect.stringContaining('denied') }),
    );
    Object.assign(store, { putIf });
    await find();
    expect((await store.get(KEY))?.body).toContain('lb1');
    Object.assign(store, { get: () => Promise.reject(failed) });
    await expect(find()).rejects.toBe(failed);
  });

  test('what is damaged is made anew from Consul', async () => {
    const { store, consul, events, find } = start();
    await store.put(KEY, '{"version":1,"instances":"; quit"}');
    consul.says = registered(1);
    expect((await find()).names).toEqual(['listed', 'lb1']);
    expect(events[0]).toMatchObject({ event: 'failed', error: expect.stringContaining(KEY) });
    expect((await recallInstances(store, fleet)).fleet.instances).toHaveLength(2);
  });
});
