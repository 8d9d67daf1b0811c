/** The table goes on counting above everything that has a generation; no HAProxy takes part. */

import { expect, test } from 'vitest';
import type { Fleet } from '../../lib/model/fleet.ts';
import { decodeCurrentConfiguration } from '../../lib/store/current-document.ts';
import {
  configurationKey,
  currentConfigurationKey,
  generationConfigurationKey,
  generationSlotTableKey,
  slotTableKey,
} from '../../lib/store/keys.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { decodeSlotTable, encodeSlotTable } from '../../lib/store/slot-table-document.ts';
import { passFleet } from '../../lib/sync/pass.ts';
import type { SyncEvent, SyncPorts } from '../../lib/sync/ports.ts';
import { publish } from '../../lib/sync/publish.ts';
import { createMemoryStore } from '../bench/memory-store.ts';
import { policy } from '../slots/records.ts';
import { entries, TEMPLATE } from './bench-fleet.ts';

const RENDERED = { path: 'edge.cfg.j2', text: TEMPLATE };
const TABLE = slotTableKey('edge');

/** A fleet, and a store that a person has hands on. */
function bench(template: Fleet['template'], instances: Fleet['instances'] = []) {
  const memory = createMemoryStore();
  const gone = new Set<string>();
  const listed = new Set<string>();
  const refused = new Set<string>();
  let reads = 0;
  const store: ObjectStore = {
    async get(key) {
      reads += 1;
      return gone.has(key) ? null : memory.get(key);
    },
    async put(key, body) {
      gone.delete(key);
      await memory.put(key, body);
    },
    async putIf(key, body, expected) {
      if (refused.has(key)) throw new Error(`no answer for ${key}`);
      const before = gone.has(key) && expected === null ? ((await memory.get(key))?.etag ?? null) : expected;
      const put = await memory.putIf(key, body, before);
      if (put !== 'lost-race') gone.delete(key);
      if (put !== 'lost-race') listed.add(key);
      return put;
    },
    async list(folder) {
      const below = [...listed].filter((key) => key.startsWith(`${folder}/`) && !gone.has(key));
      return [...new Set(below.map((key) => key.slice(folder.length + 1).split('/')[0] ?? ''))];
    },
  };
  const fleet: Fleet = {
    ...{ name: 'edge', instances, instancesFrom: null, tls: {}, shard: 50, timeoutMs: 1_000, template },
    ...{ snapshotEveryMs: 0, reportEveryMs: 0 },
    backends: [policy({ slots: 12, drainMs: 0, keep: 0, holdMs: 0 })],
  };
  const events: SyncEvent[] = [];
  let registered = entries(1, 3);
  const ports: SyncPorts = {
    ...{ store, now: () => 1_000_000, log: (event) => void events.push(event) },
    readService: async () => ({ entries: registered }),
    openSession: () => Promise.reject(new Error('there is nobody')),
  };
  const text = async (key: string) => (await store.get(key))?.body;
  return {
    ...{ store, fleet, ports, events, refused, text },
    pass: () => passFleet(ports, fleet, { entries: new Map(), snapshots: 'when-due' }),
    /** Consul has so many endpoints. */
    register: (count: number) => {
      registered = entries(1, count);
    },
    remove: (key: string) => void gone.add(key),
    readsOf: async (work: () => Promise<unknown>) => {
      reads = 0;
      await work();
      return reads;
    },
    table: async () => decodeSlotTable(TABLE, (await text(TABLE)) ?? ''),
    /** Of the published configuration. */
    current: async () =>
      decodeCurrentConfiguration('current.json', (await text(currentConfigurationKey('edge'))) ?? ''),
    /** Generations 1 to `count`, or from another one on. */
    generations: async (count: number, from = 1) => {
      for (let number = from; number <= count; number += 1) {
        registered = entries(1, number);
        await passFleet(ports, fleet, { entries: new Map(), snapshots: 'when-due' });
      }
    },
  };
}

const kinds = [
  { what: 'with a template', template: RENDERED },
  { what: 'without a template', template: null },
];
const instances: Fleet['instances'] = [{ name: 'lb1', address: { scheme: 'tcp', host: 'lb1', port: 9999 } }];

test.each(kinds)('$what, a table that was deleted is made anew above its generations', async ({
  template,
}) => {
  const { generations, remove, pass, table } = bench(template);
  await generations(4);
  remove(TABLE);
  await pass();
  expect((await table()).generation).toBe(5);
});

test('without a template and without generations, the reports say where it was', async () => {
  const { generations, remove, pass, table } = bench(null, instances);
  await generations(4);
  for (let number = 1; number <= 4; number += 1) remove(generationSlotTableKey('edge', number));
  remove(TABLE);
  await pass();
  expect((await table()).generation).toBe(5);
});

test('an older table that was put back is counted on, and the published file follows it', async () => {
  const { generations, store, text, pass, table, current, events } = bench(RENDERED);
  await generations(2);
  const older = (await text(TABLE)) ?? '';
  await generations(5, 3);
  await store.put(TABLE, older);
  const { publishFailure, table: passed } = await pass();
  expect(publishFailure).toBeNull();
  expect(passed.generation).toBe(6);
  expect((await table()).generation).toBe(6);
  expect((await current()).generation).toBe(6);
  expect(await text(generationConfigurationKey('edge', 6))).toBe(await text(configurationKey('edge')));
  expect(events).toContainEqual(expect.objectContaining({ event: 'table_behind', above: 5 }));
});

test.each([
  { what: 'when its number has another table already', lost: [] },
  { what: 'when only reports are above it', lost: [3, 4, 5] },
])('without a template an older table is counted on $what', async ({ lost }) => {
  const { generations, store, text, pass, table, register, remove } = bench(null, instances);
  await generations(2);
  const older = (await text(TABLE)) ?? '';
  await generations(5, 3);
  await store.put(TABLE, older);
  for (const number of lost) remove(generationSlotTableKey('edge', number));
  register(7);
  await pass();
  const { generation } = await table();
  expect(generation).toBeGreaterThan(5);
  expect(await text(generationSlotTableKey('edge', generation))).toBe(await text(TABLE));
});

test('a file that somebody wrote for a generation above the table does not stay', async () => {
  const { generations, store, text, pass, table, current } = bench(RENDERED);
  await generations(2);
  const now = (await text(currentConfigurationKey('edge'))) ?? '';
  await store.put(currentConfigurationKey('edge'), now.replace('"generation": 2', '"generation": 40'));
  await store.put(configurationKey('edge'), '# departed servers\n');
  await pass();
  expect([(await table()).generation, (await current()).generation]).toEqual([41, 41]);
  expect(await text(configurationKey('edge'))).toContain('127.0.1.2:8080');
});

test('a writer who was overtaken leaves the newer files alone', async () => {
  const { generations, table, text, ports, fleet, pass, register, current } = bench(RENDERED);
  await generations(2);
  const late = { table: await table(), text: (await text(TABLE)) ?? '', configuration: null, previous: null };
  const configuration = {
    text: '# overtaken\n',
    digests: { sha256: '0'.repeat(64), structure: '0'.repeat(64) },
    lacks: [],
  };
  register(5);
  await pass();
  expect(await publish(ports, fleet, { ...late, configuration })).toBe('overtaken');
  expect((await current()).generation).toBe(3);
  expect(await text(configurationKey('edge'))).not.toContain('overtaken');
});

test.each(kinds)('$what, a generation that could not be written is written by who replaces it', async ({
  template,
}) => {
  const { generations, refused, pass, register, text } = bench(template);
  await generations(1);
  const keys = [generationSlotTableKey('edge', 2), generationConfigurationKey('edge', 2)];
  for (const key of keys) refused.add(key);
  register(2);
  expect((await pass()).publishFailure?.message).toContain('no answer');
  const lost = await text(TABLE);
  for (const key of keys) expect(await text(key)).toBeUndefined();
  refused.clear();
  register(3);
  expect((await pass()).publishFailure).toBeNull();
  expect(await text(generationSlotTableKey('edge', 2))).toBe(lost);
  if (template !== null)
    expect(await text(generationConfigurationKey('edge', 2))).toContain('127.0.1.2:8080');
});

test.each(kinds)('$what, a generation that could not be written is written by the next pass', async ({
  template,
}) => {
  const { generations, refused, pass, register, text } = bench(template);
  await generations(1);
  const key = generationSlotTableKey('edge', 2);
  refused.add(key);
  register(2);
  await pass();
  refused.clear();
  expect((await pass()).publishFailure).toBeNull();
  expect(await text(key)).toBe(await text(TABLE));
});

test('a converged fleet costs the table and two reads, or one without a template', async () => {
  for (const [template, reads] of [
    [RENDERED, 3],
    [null, 2],
  ] as const) {
    const { generations, pass, readsOf } = bench(template);
    await generations(2);
    expect(await readsOf(pass)).toBe(reads);
  }
});

test('another release’s words for the same table are no other table', async () => {
  const { generations, table, store, text, pass } = bench(null);
  await generations(2);
  const words = JSON.stringify(JSON.parse(encodeSlotTable(await table())));
  await store.put(generationSlotTableKey('edge', 2), words);
  await pass();
  expect((await table()).generation).toBe(2);
  expect(await text(generationSlotTableKey('edge', 2))).toBe(words);
});

test('a generation that no fleet comes to is nobody’s: the document that says so is named, with what to do', async () => {
  const { generations, store, pass, table, register } = bench(RENDERED);
  await generations(2);
  const key = currentConfigurationKey('edge');
  const body = ((await store.get(key))?.body ?? '').replace(
    '"generation": 2',
    `"generation": ${Number.MAX_SAFE_INTEGER}`,
  );
  await store.put(key, body);
  await store.putIf(generationSlotTableKey('edge', Number.MAX_SAFE_INTEGER), '{}', null);
  register(3);
  const { publishFailure } = await pass();
  expect((await table()).generation).toBe(3);
  expect(publishFailure?.message).toMatch(
    /current\.json at generation: .*; delete it, the next pass writes it anew/,
  );
});
