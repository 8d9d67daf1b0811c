/** Several hitless.yml for one fleet: none undoes the work of another, and no generation is published for nothing. */

import { beforeEach, describe, expect, test } from 'vitest';
import type { BackendPolicy, Fleet } from '../../lib/model/fleet.ts';
import type { ServiceEntry } from '../../lib/model/service-entry.ts';
import type { SlotTable } from '../../lib/model/slot-table.ts';
import { configurationKey, slotTableKey } from '../../lib/store/keys.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { decodeSlotTable, encodeSlotTable } from '../../lib/store/slot-table-document.ts';
import { backendStatuses, unlistedStatuses } from '../../lib/sync/backend-status.ts';
import { forgetBackend, parkBackend } from '../../lib/sync/forget.ts';
import { type PassResult, passFleet } from '../../lib/sync/pass.ts';
import type { SyncEvent, SyncPorts } from '../../lib/sync/ports.ts';
import { createMemoryStore } from '../bench/memory-store.ts';
import { policy } from '../slots/records.ts';
import { entries } from './bench-fleet.ts';

const TEMPLATE = 'backend be_web\n  {{ backends_be_web }}\nbackend be_api\n  {{ backends_be_api }}\n';
const ONLY_WEB = 'backend be_web\n  {{ backends_be_web }}\n';

function web(differs: Partial<BackendPolicy> = {}): BackendPolicy {
  return policy({ backend: 'be_web', server: 'web', service: 'web', drainMs: 0, ...differs });
}

function api(differs: Partial<BackendPolicy> = {}): BackendPolicy {
  return policy({ backend: 'be_api', server: 'api', service: 'api', drainMs: 0, ...differs });
}

/** A hitless.yml, written at that time. */
function file(writtenAtMs: number, backends: readonly BackendPolicy[], template?: string): Fleet {
  return {
    ...{
      name: 'edge',
      instances: [],
      tls: {},
      instancesFrom: null,
      snapshotEveryMs: 60_000,
      reportEveryMs: 0,
    },
    ...{ shard: 50, timeoutMs: 5_000, backends, writtenAtMs },
    template: template === undefined ? null : { path: 'edge.cfg.j2', text: template },
  };
}

let store: ObjectStore;
let consul: Map<string, readonly ServiceEntry[]>;
let events: SyncEvent[];
let nowMs: number;
let ports: SyncPorts;

beforeEach(() => {
  store = createMemoryStore();
  consul = new Map([
    ['web', entries(1, 2)],
    ['api', entries(2, 3)],
  ]);
  events = [];
  nowMs = 1_000_000;
  ports = {
    store,
    readService: async (service) => ({ entries: consul.get(service) ?? [] }),
    openSession: () => Promise.reject(new Error('there is no instance')),
    now: () => nowMs,
    log: (event) => events.push(event),
  };
});

const pass = (fleet: Fleet): Promise<PassResult> =>
  passFleet(ports, fleet, { entries: new Map(), snapshots: 'when-due' });

async function table(): Promise<SlotTable> {
  const stored = await store.get(slotTableKey('edge'));
  if (stored === null) throw new Error('there is no table');
  return decodeSlotTable('slots.json', stored.body);
}

const published = async () => (await store.get(configurationKey('edge')))?.body;
const told = (event: SyncEvent['event']) => events.filter((one) => one.event === event);

/** How many generations ten rounds of these passes make. */
async function generationsIn(...fleets: readonly Fleet[]): Promise<number> {
  const before = (await table()).generation;
  for (let round = 0; round < 10; round += 1) for (const fleet of fleets) await pass(fleet);
  return (await table()).generation - before;
}

async function servingIn(backend: string): Promise<number> {
  const slots = (await table()).backends[backend]?.slots ?? [];
  return slots.filter(({ state }) => state === 'serving').length;
}

describe('two of different backends', () => {
  const [mine, yours] = [file(100, [web()]), file(200, [api()])];

  test('leave each other’s backend in the table, and publish nothing when nothing changes', async () => {
    await pass(mine);
    await pass(yours);
    expect([await servingIn('be_web'), await servingIn('be_api')]).toEqual([2, 3]);
    expect(await generationsIn(mine, yours)).toBe(0);
  });

  test('follow Consul each for its own', async () => {
    await pass(mine);
    await pass(yours);
    consul.set('web', entries(1, 4));
    consul.set('api', entries(2, 5));
    await pass(mine);
    expect([await servingIn('be_web'), await servingIn('be_api')]).toEqual([4, 3]);
    await pass(yours);
    expect([await servingIn('be_web'), await servingIn('be_api')]).toEqual([4, 5]);
    expect(await generationsIn(mine, yours)).toBe(0);
  });

  test('name what they do not list', async () => {
    await pass(mine);
    await pass(yours);
    expect(unlistedStatuses(mine, await table())).toMatchObject({
      be_api: { service: 'api', slots: { serving: 3 }, writtenAt: '1970-01-01T00:00:00.200Z' },
    });
  });

  test('with one template render the same bytes, which have both', async () => {
    const [first, second] = [file(100, [web(), api()], TEMPLATE), file(200, [api()], TEMPLATE)];
    await pass(first);
    consul.set('web', entries(1, 4));
    await pass(first);
    const before = await published();
    expect(before).toContain('server web4 127.0.1.4:8080');
    expect(before).toContain('server api3 127.0.2.3:8080');
    expect((await pass(second)).configurationWithheld).toBeNull();
    consul.set('api', entries(2, 4));
    await pass(second);
    expect(await published()).toContain('server web4 127.0.1.4:8080');
    expect(await published()).toContain('server api4 127.0.2.4:8080');
    expect(await generationsIn(first, second)).toBe(0);
  });

  test('of which one has a template without the other’s servers: no host is to lose them', async () => {
    await pass(file(100, [api()]));
    const { configurationWithheld } = await pass(file(200, [web()], ONLY_WEB));
    expect(configurationWithheld).toContain('would lose the servers of be_api');
    expect(await published()).toBeUndefined();
    expect(told('configuration_withheld')).toHaveLength(1);
    expect(await generationsIn(file(100, [api()]), file(200, [web()], ONLY_WEB))).toBe(0);
  });

  test('of which one has no template: it leaves the published configuration to the other', async () => {
    const [first, second] = [file(100, [web(), api()], TEMPLATE), file(200, [api()])];
    await pass(first);
    consul.set('api', entries(2, 4));
    await pass(second);
    expect(await published()).not.toContain('127.0.2.4');
    await pass(first);
    expect(await published()).toContain('127.0.2.4');
    expect(await generationsIn(first, second)).toBe(0);
  });
});

describe('two that decide one backend differently', () => {
  const older = file(100, [web({ tags: ['v1'], keep: 0.5 })]);
  const newer = file(200, [web({ tags: [], keep: 0.2 })]);

  test('the one that was written last counts, whoever comes last', async () => {
    await pass(older);
    expect(await servingIn('be_web')).toBe(0);
    await pass(newer);
    expect(await servingIn('be_web')).toBe(2);
    await pass(older);
    expect(await servingIn('be_web')).toBe(2);
  });

  test('cost one generation each, not two a round', async () => {
    await pass(older);
    await pass(newer);
    expect(await generationsIn(older, newer)).toBe(1);
    expect(await generationsIn(older, newer)).toBe(0);
  });

  test('are told once, with the keys that differ', async () => {
    await pass(older);
    await pass(newer);
    await generationsIn(older, newer);
    expect(told('policy_changed')).toMatchObject([{ backend: 'be_web', keys: 'tags, keep' }]);
    expect(told('policy_overruled')).toMatchObject([
      { backend: 'be_web', keys: 'tags, keep', writtenAtMs: 100, overruledByWrittenAtMs: 200 },
    ]);
    const now = await table();
    const at = '1970-01-01T00:00:00.200Z';
    expect(backendStatuses(older, now).be_web?.decision).toMatchObject({
      writtenAt: at,
      differs: ['tags', 'keep'],
    });
    expect(backendStatuses(newer, now).be_web?.decision).toMatchObject({
      differs: [],
      overruled: [{ writtenAt: '1970-01-01T00:00:00.100Z', keys: ['tags', 'keep'] }],
    });
  });

  test('an older one that is written anew counts', async () => {
    await pass(newer);
    await pass({ ...older, writtenAtMs: 300 });
    expect((await table()).backends.be_web?.policy).toMatchObject({ tags: ['v1'], writtenAtMs: 300 });
  });

  test('of which both were written in the same moment: one of them counts, always the same', async () => {
    const twin = { ...older, writtenAtMs: 200 };
    await pass(twin);
    await pass(newer);
    const { policy: winner } = (await table()).backends.be_web ?? {};
    await generationsIn(twin, newer);
    expect((await table()).backends.be_web?.policy).toEqual(winner);
    expect(await generationsIn(twin, newer)).toBe(0);
  });

  test('a drain that the later one asks for is not undone by the older one', async () => {
    const drains = (at: number, drainMs: number) => file(at, [web({ drainMs })]);
    await pass(drains(200, 60_000));
    consul.set('web', entries(1, 1));
    await pass(drains(200, 60_000));
    nowMs += 10_000;
    await pass(drains(100, 0));
    expect((await table()).backends.be_web?.slots[1]).toMatchObject({
      state: 'draining',
      untilMs: 1_060_000,
    });
  });

  test('a template of an older one is not published, and that is said', async () => {
    const [old, young] = [file(100, [web()], `# old\n${ONLY_WEB}`), file(200, [web()], ONLY_WEB)];
    await pass(old);
    await pass(young);
    const { configurationWithheld } = await pass(old);
    expect(configurationWithheld).toMatch(
      /another template, of a hitless\.yml written 1970-01-01T00:00:00\.200Z/,
    );
    consul.set('web', entries(1, 4));
    await pass(old);
    await pass(young);
    expect(await published()).not.toContain('# old');
    expect(await published()).toContain('127.0.1.4');
    expect(await generationsIn(old, young)).toBe(0);
  });
});

test('a table of an earlier release gets no new generation for the policy alone', async () => {
  await pass(file(100, [web()]));
  const { backends, ...rest } = await table();
  const earlier = Object.fromEntries(
    Object.entries(backends).map(([name, { policy: _, ...slots }]) => [name, slots]),
  );
  const stored = { ...rest, generation: rest.generation + 1, backends: earlier };
  await store.put(slotTableKey('edge'), encodeSlotTable(stored));
  expect(await generationsIn(file(100, [web()]), file(200, [web({ keep: 0.3 })]))).toBe(0);
});

describe('a backend that is forgotten', () => {
  const both = file(100, [web(), api()]);
  const without = file(200, [web()]);

  test('leaves the table by that word alone', async () => {
    await pass(both);
    await pass(without);
    expect(await servingIn('be_api')).toBe(3);
    expect(await forgetBackend(ports, without, 'be_api')).toMatchObject({ known: true, left: null });
    expect(Object.keys((await table()).backends)).toEqual(['be_web']);
    expect(told('backend_forgotten')).toHaveLength(1);
  });

  test('is forgotten once, however often it is said', async () => {
    await pass(both);
    await forgetBackend(ports, without, 'be_api');
    const { generation } = await table();
    expect(await forgetBackend(ports, without, 'be_api')).toMatchObject({ known: false, generation });
  });

  test('does not come back by a hitless.yml from before, but by a later one', async () => {
    await pass(both);
    await forgetBackend(ports, without, 'be_api');
    expect(await generationsIn(both, without)).toBe(0);
    expect(backendStatuses(both, await table()).be_api?.decision?.forgottenAt).toBe(
      '1970-01-01T00:16:40.000Z',
    );
    await pass({ ...both, writtenAtMs: nowMs + 1 });
    expect(await servingIn('be_api')).toBe(3);
  });

  test('takes its servers out of the published configuration, too', async () => {
    await pass(file(100, [web(), api()], TEMPLATE));
    const later = file(200, [web()], ONLY_WEB);
    expect((await pass(later)).configurationWithheld).toContain('hitless forget');
    expect(await published()).toContain('be_api');
    await forgetBackend(ports, later, 'be_api');
    expect(await published()).not.toContain('be_api');
    expect((await pass(later)).configurationWithheld).toBeNull();
  });
});

describe('a backend that is parked', () => {
  const both = file(100, [web(), api({ keep: 0.5, holdMs: 60_000, drainMs: 30_000 })]);
  const without = file(200, [web()]);
  const park = () => parkBackend(ports, without, 'be_api', { wait: false, waiting: () => {} });

  test('keeps `keep` of its servers until `hold` has passed, and leaves the table when all are out', async () => {
    await pass(both);
    expect((await park()).left?.slots).toMatchObject({ serving: 2, draining: 1 });
    nowMs += 31_000;
    await pass(without);
    expect((await park()).left?.slots).toMatchObject({ serving: 2, draining: 0 });
    nowMs += 30_000;
    await pass(without);
    expect((await park()).left?.slots).toMatchObject({ serving: 0, draining: 2 });
    nowMs += 31_000;
    expect(await park()).toMatchObject({ left: null, known: true });
    expect(Object.keys((await table()).backends)).toEqual(['be_web']);
  });

  test('is not brought back by an older hitless.yml that still lists it', async () => {
    await pass(both);
    await park();
    await pass(both);
    expect(await servingIn('be_api')).toBe(2);
    nowMs += 61_000;
    await pass(both);
    expect(await servingIn('be_api')).toBe(0);
  });

  test('serves again when a later hitless.yml lists it', async () => {
    await pass(both);
    await park();
    await pass({ ...both, writtenAtMs: nowMs + 1 });
    expect(await servingIn('be_api')).toBe(3);
    expect((await table()).backends.be_api?.parkingSinceMs).toBeUndefined();
  });
});
