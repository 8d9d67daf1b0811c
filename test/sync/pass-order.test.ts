/** In which order a pass does what it does: nobody waits for files. */

import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Fleet } from '../../lib/model/fleet.ts';
import { configurationKey, slotTableKey } from '../../lib/store/keys.ts';
import { type PassOptions, passFleet } from '../../lib/sync/pass.ts';
import { createMemoryStore } from '../bench/memory-store.ts';
import { policy } from '../slots/records.ts';
import { entries, TEMPLATE } from './bench-fleet.ts';

const FLEET: Fleet = {
  name: 'edge',
  instances: ['lb1', 'lb2', 'lb3'].map((name) => ({
    name,
    address: { scheme: 'tcp', host: name, port: 9999 },
  })),
  ...{ instancesFrom: null, tls: {}, snapshotEveryMs: 0, reportEveryMs: 0, timeoutMs: 1_000 },
  shard: 2,
  template: { path: 'edge.cfg.j2', text: TEMPLATE },
  backends: [policy()],
};

/** What is stored when somebody else is turned to, and afterwards. */
function bench() {
  const store = createMemoryStore();
  const stored = async () => ({
    table: (await store.get(slotTableKey('edge'))) !== null,
    file: (await store.get(configurationKey('edge'))) !== null,
  });
  const atConnection: Awaited<ReturnType<typeof stored>>[] = [];
  const ports = {
    store,
    readService: async () => ({ entries: entries(1, 3) }),
    async openSession(): Promise<never> {
      // Whoever writes beside this has had his turn by then: the store answers at once.
      for (let turn = 0; turn < 50; turn += 1) await setImmediate();
      atConnection.push(await stored());
      throw new Error('there is nobody');
    },
    now: () => 1_000_000,
    log: () => {},
  };
  const pass = (handOut?: PassOptions['handOut']) =>
    passFleet(ports, FLEET, {
      ...{ entries: new Map(), snapshots: 'when-due' },
      ...(handOut === undefined ? {} : { handOut }),
    });
  return { stored, atConnection, pass };
}

test('shards are handed out when the table is there, before the files are', async () => {
  const { stored, pass } = bench();
  const seen: unknown[] = [];
  const { shards } = await pass(async (left, generation) => {
    seen.push({ left, generation, ...(await stored()) });
  });
  expect(seen).toEqual([{ left: [0, 1], generation: 1, table: true, file: false }]);
  expect(shards).toEqual([0, 1]);
  expect(await stored()).toEqual({ table: true, file: true });
});

test('shards that cannot be handed out fail the pass, which is done again', async () => {
  const { stored, pass } = bench();
  const refused = pass(() => Promise.reject(new Error('the queue is away')));
  await expect(refused).rejects.toThrow('the queue is away');
  expect(await stored()).toEqual({ table: true, file: false });
  expect((await pass(async () => {})).publishFailure).toBeNull();
  expect(await stored()).toEqual({ table: true, file: true });
});

test('the first load balancer is turned to when the table is there, before the files are', async () => {
  const { atConnection, stored, pass } = bench();
  await pass();
  // Three for first contact, then three to apply; the files wait for the first of them only.
  expect(atConnection).toHaveLength(6);
  expect(atConnection[3]).toEqual({ table: true, file: false });
  expect(await stored()).toEqual({ table: true, file: true });
});
