/** What a pass remembers about a shard, and what it costs. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Fleet } from '../../lib/model/fleet.ts';
import type { InstanceReport, OperatorHeld } from '../../lib/model/report.ts';
import { reportKey, shardReportsKey } from '../../lib/store/keys.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { decodeShardReports, encodeReport } from '../../lib/store/report-document.ts';
import type { SyncEvent } from '../../lib/sync/ports.ts';
import {
  keepReports,
  recallShard,
  type ShardMemory,
  shardOf,
  shardsOf,
} from '../../lib/sync/shard-reports.ts';
import { createMemoryStore } from '../bench/memory-store.ts';

const SHARD = 3;
const WHEN_DUE = { all: false };

function fleetOf(names: readonly string[], reportEveryMs = 0): Fleet {
  return {
    name: 'edge',
    instances: names.map((name) => ({ name, address: { scheme: 'tcp', host: name, port: 9999 } })),
    instancesFrom: null,
    tls: {},
    snapshotEveryMs: 0,
    reportEveryMs,
    shard: SHARD,
    timeoutMs: 1_000,
    template: null,
    backends: [],
  };
}

const NAMES = ['lb1', 'lb2', 'lb3'];
const HELD: OperatorHeld = {
  ...{ backend: 'be', slot: 'srv1', address: '10.0.0.1', port: 80, state: 'drain' },
  ...{ servingSinceMs: 1, pid: 7 },
};

/** One that read the instance when it looked at it, unless `differs` says when. */
function report(instance: string, differs: Partial<InstanceReport> = {}): InstanceReport {
  return {
    ...{
      version: 1,
      fleet: 'edge',
      instance,
      generation: 1,
      converged: true,
      reason: null,
      pid: 7,
    },
    ...{
      haproxy: '3.2.1',
      observedAtMs: 1_000,
      applied: null,
      propagation: null,
      commands: 0,
      operatorHeld: [],
    },
    ...{ missingSlots: [], snapshot: null, readAtMs: differs.observedAtMs ?? 1_000 },
    ...differs,
  };
}

function bench(fleet = fleetOf(NAMES)) {
  const store = createMemoryStore();
  const failures: string[] = [];
  const ports = {
    store,
    log: ({ error }: SyncEvent) => void failures.push(String(error)),
  };
  const shard = shardOf(fleet, 0);
  /** What a pass found that began with `memory`, which is read again at its end where `latest` is given. */
  const keep = async (memory: ShardMemory, reports: readonly InstanceReport[], latest = memory) => {
    const findings = reports.map((report) => ({ report, remembered: memory.of(report.instance).report }));
    await keepReports(ports, shard, latest, findings, WHEN_DUE);
  };
  const pass = async (...reports: readonly InstanceReport[]) => {
    await keep(await recallShard(ports, shard), reports);
  };
  const kept = async () => {
    const stored = await store.get(shardReportsKey('edge', 0));
    return stored === null ? [] : decodeShardReports('k', stored.body).reports;
  };
  return { store, failures, ports, shard, keep, pass, kept };
}

test('every instance is in one shard, in order', () => {
  fc.assert(
    fc.property(fc.nat({ max: 20 }), (count) => {
      const fleet = fleetOf(Array.from({ length: count }, (_, index) => `lb${index}`));
      const shards = shardsOf(fleet);
      expect(shards.flatMap(({ instances }) => instances)).toEqual(fleet.instances);
      expect(shards.every(({ instances }) => instances.length > 0)).toBe(true);
    }),
  );
  expect(shardOf(fleetOf(NAMES), 1).instances).toEqual([]);
});

test('another generation costs one object for the whole shard, and the same one again none', async () => {
  const { store, pass, kept } = bench();
  await pass(...NAMES.map((name) => report(name)));
  const { puts } = store.counts();
  const second = NAMES.map((name) => report(name, { generation: 2, observedAtMs: 2_000 }));
  await pass(...second);
  expect(await kept()).toEqual(second);
  expect(store.counts().puts - puts).toBe(1);
  await pass(...second.map((one) => ({ ...one, observedAtMs: 3_000 })));
  expect(store.counts().puts - puts).toBe(1);
});

test('what is new about an instance is in its own report, too', async () => {
  const { store, pass } = bench();
  await pass(...NAMES.map((name) => report(name)));
  await pass(
    report('lb1'),
    report('lb2', { converged: false, reason: 'it is away', pid: null }),
    report('lb3'),
  );
  expect((await store.get(reportKey('edge', 'lb2')))?.body).toContain('it is away');
});

test('of two passes at once, for each instance the one with the newer table counts, whatever their clocks say', async () => {
  const { ports, shard, keep, kept } = bench();
  const [one, other] = [await recallShard(ports, shard), await recallShard(ports, shard)];
  await keep(one, [report('lb1', { generation: 3, observedAtMs: 9_000 }), report('lb2', { generation: 3 })]);
  await keep(other, [
    report('lb1', { generation: 4 }),
    report('lb2', { generation: 2, observedAtMs: 9_000 }),
  ]);
  expect((await kept()).map(({ generation }) => generation)).toEqual([4, 3]);
});

test('of two passes at once with one table, the one that could read the instance counts, and of two the one that is not done', async () => {
  const { ports, shard, keep, kept } = bench();
  const [one, other] = [await recallShard(ports, shard), await recallShard(ports, shard)];
  const away = { pid: null, converged: false, reason: 'it is away' };
  const lagging = { converged: false, reason: 'it is busy' };
  await keep(one, [report('lb1'), report('lb2', away), report('lb3', lagging)]);
  await keep(other, [report('lb1', away), report('lb2'), report('lb3')]);
  expect((await kept()).map(({ reason }) => reason)).toEqual([null, null, 'it is busy']);
});

test('a pass that could not reach an instance forgets nothing of what another one saw there', async () => {
  const { ports, shard, keep, kept } = bench();
  const [one, other] = [await recallShard(ports, shard), await recallShard(ports, shard)];
  await keep(one, [report('lb1', { operatorHeld: [HELD] })]);
  await keep(other, [report('lb1', { pid: null, converged: false, reason: 'it is away', readAtMs: null })]);
  expect(await kept()).toMatchObject([{ operatorHeld: [HELD] }]);
});

test('a pass that could not reach an instance does not bring back what others saw put back', async () => {
  const { ports, shard, keep, pass, kept } = bench();
  await pass(report('lb1', { operatorHeld: [HELD] }));
  const early = await recallShard(ports, shard);
  await pass(report('lb1', { observedAtMs: 1_500 }));
  const away = { pid: null, converged: false, reason: 'it is away' };
  await keep(early, [report('lb1', { ...away, operatorHeld: [HELD] })]);
  expect(await kept()).toMatchObject([{ operatorHeld: [] }]);
});

test('who began first and ends last does not forget what another one saw', async () => {
  const { ports, shard, keep, pass, kept } = bench();
  await pass(report('lb1'));
  const early = await recallShard(ports, shard);
  await pass(report('lb1', { operatorHeld: [HELD] }));
  await keep(early, [report('lb1', { generation: 2 })]);
  expect(await kept()).toMatchObject([{ generation: 2, operatorHeld: [HELD] }]);
});

test('who read an instance before he read the reports again does not forget what another one saw in between', async () => {
  const { ports, shard, keep, pass, kept } = bench();
  await pass(report('lb1'));
  const early = await recallShard(ports, shard);
  await pass(report('lb1', { operatorHeld: [HELD] }));
  await keep(early, [report('lb1', { generation: 2 })], await recallShard(ports, shard));
  expect(await kept()).toMatchObject([{ generation: 2, operatorHeld: [HELD] }]);
});

test('what was held on a former process is not forgotten by who saw the new one and had not heard of it', async () => {
  const { ports, shard, keep, pass, kept } = bench();
  await pass(report('lb1'));
  const unaware = await recallShard(ports, shard);
  await pass(report('lb1', { operatorHeld: [HELD] }));
  await keep(unaware, [report('lb1', { pid: 8 })]);
  expect(await kept()).toMatchObject([{ pid: 8, operatorHeld: [HELD] }]);
  await pass(report('lb1', { pid: 8 }));
  expect(await kept()).toMatchObject([{ pid: 8, operatorHeld: [] }]);
});

test('an instance that came from another shard is remembered by its own report', async () => {
  const { store, ports, shard, pass, kept } = bench();
  await pass(report('lb1'), report('lb3'));
  await store.put(reportKey('edge', 'lb2'), encodeReport(report('lb2', { pid: 42 })));
  expect((await recallShard(ports, shard)).of('lb2').report?.pid).toBe(42);
  await pass(report('lb1'), report('lb2', { generation: 2 }), report('lb3'));
  expect((await kept()).map(({ instance }) => instance)).toEqual(NAMES);
});

test('reports that cannot be read are told about and never replaced', async () => {
  const { store, failures, pass } = bench();
  await store.put(shardReportsKey('edge', 0), 'not JSON');
  await pass(report('lb1'));
  expect((await store.get(shardReportsKey('edge', 0)))?.body).toBe('not JSON');
  expect(failures[0]).toContain('shards/0.json');
});

test('one instance whose own report cannot be read stays out, and the others are kept', async () => {
  const { store, failures, pass, kept } = bench();
  await store.put(reportKey('edge', 'lb2'), 'not JSON');
  await pass(...NAMES.map((name) => report(name)));
  expect((await kept()).map(({ instance }) => instance)).toEqual(['lb1', 'lb3']);
  expect(failures[0]).toContain('instances/lb2/report.json');
});

test('a store that fails is told about, and the pass goes on', async () => {
  const { store, failures, shard } = bench();
  const broken: ObjectStore = {
    ...store,
    putIf: async () => {
      throw new Error('the store is away');
    },
  };
  const ports = { store: broken, log: (event: object) => void failures.push(JSON.stringify(event)) };
  const memory = await recallShard(ports, shard);
  await keepReports(ports, shard, memory, [{ report: report('lb1'), remembered: null }], WHEN_DUE);
  expect(failures.join()).toContain('the store is away');
});

test('with `report_every`, only what is news is written sooner', async () => {
  const { pass, kept } = bench(fleetOf(NAMES, 10_000));
  const at = (seconds: number, differs: Partial<InstanceReport> = {}) =>
    pass(report('lb1', { generation: seconds, observedAtMs: 1_000 * seconds, ...differs }));
  await at(1);
  await at(5);
  expect((await kept())[0]?.generation).toBe(1);
  await at(6, { converged: false, reason: 'it is away' });
  expect((await kept())[0]?.generation).toBe(6);
  await at(7);
  await at(16);
  expect((await kept())[0]?.generation).toBe(7);
  await at(17);
  expect((await kept())[0]?.generation).toBe(17);
});

test('a report that a fast clock dates an hour ahead does not keep others from being written', async () => {
  const { pass, kept } = bench(fleetOf(NAMES, 10_000));
  await pass(report('lb1', { observedAtMs: 3_600_000 }));
  await pass(report('lb1', { generation: 2, observedAtMs: 2_000 }));
  expect((await kept())[0]?.generation).toBe(2);
});

test('a report that could not be read again costs no other instance of the shard its own', async () => {
  const { failures, pass, kept } = bench();
  await pass(report('lb1'), report('lb2', { pid: 2 ** 60 }), report('lb3'));
  expect((await kept()).map(({ instance }) => instance)).toEqual(['lb1', 'lb3']);
  expect(failures.join('\n')).toMatch(/\(new report\) at pid: /);
  await pass(report('lb2', { observedAtMs: 2_000 }));
  expect((await kept()).map(({ instance }) => instance)).toEqual(NAMES);
});
