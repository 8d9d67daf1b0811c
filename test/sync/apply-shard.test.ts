/** A table that is replaced while it is applied: two passes at once on one instance. */

import pLimit from 'p-limit';
import { expect, test } from 'vitest';
import type { AdminState } from '../../lib/model/admin-state.ts';
import type { SlotTable } from '../../lib/model/slot-table.ts';
import type { RuntimeSession } from '../../lib/runtime-api/runtime-session.ts';
import { slotTableKey } from '../../lib/store/keys.ts';
import { encodeSlotTable } from '../../lib/store/slot-table-document.ts';
import { applyToShard } from '../../lib/sync/apply-shard.ts';
import { momentNow } from '../../lib/sync/moment.ts';
import { type Finding, keepReports, readShard, recallShard, shardOf } from '../../lib/sync/shard-reports.ts';
import { createMemoryStore } from '../bench/memory-store.ts';
import { policy } from '../slots/records.ts';

const NAMES = ['websrv1', 'websrv2'];

/** What another pass found: an operator holds a server that is ready by the time that ours looks. */
const HOLD: Finding = {
  remembered: null,
  report: {
    ...{ version: 1, fleet: 'edge', instance: 'lb1', generation: 1, converged: true, reason: null },
    ...{ pid: 1, startedAtSeconds: 0, haproxy: '3.0.11', observedAtMs: 1, readAtMs: 1, commands: 0 },
    ...{ applied: null, propagation: null, missingSlots: [], snapshot: null },
    operatorHeld: [
      {
        ...{ backend: 'be_template', slot: 'websrv1', address: '10.0.0.1', port: 80, state: 'drain' },
        ...{ servingSinceMs: 1, pid: 1, startedAtSeconds: 0 },
      },
    ],
  },
};

function table(generation: number, weight: number): SlotTable {
  const slots = NAMES.map((_, index) => ({
    state: 'serving' as const,
    ...{ address: `10.0.0.${index + 1}`, port: 80, weight, sinceMs: 1, withheld: null },
  }));
  const backend = { service: 'my-cluster', server: 'websrv', slots, departures: [], refused: [] };
  return { version: 1, fleet: 'edge', generation, configuration: null, backends: { be_template: backend } };
}

/** An instance whose servers have weight 1; `onSend` is what somebody else does while a pass sends. */
function bench(
  onSend: (weights: Map<string, number>) => Promise<void>,
  onOpen: () => Promise<void> = async () => {},
) {
  const clock = { ms: 1 };
  const sent: string[] = [];
  const states = new Map<string, AdminState>();
  const weights = new Map(NAMES.map((name) => [name, 1]));
  const shown = () =>
    NAMES.map((server, index) => ({
      ...{ backend: 'be_template', server, address: `10.0.0.${index + 1}`, port: 80, id: index + 1 },
      ...{ forcedId: false, healthCheck: 'enabled' as const, agentCheck: 'none' as const, ssl: false },
      ...{ admin: states.get(server) ?? 'ready', adminMask: 0, operational: 'running' as const },
      ...{ weight: weights.get(server) ?? 0, configuredWeight: 1 },
    }));
  const session: RuntimeSession = {
    async send(commands) {
      for (const command of commands) {
        sent.push(`${command.server} ${command.kind}`);
        if (command.kind === 'set-state') states.set(command.server, command.state);
        if (command.kind === 'set-weight') weights.set(command.server, command.weight);
      }
      await onSend(weights);
      return commands.map(() => ({ done: true }));
    },
    readServers: async () => ({ raw: '', servers: shown() }),
    readInfo: async () => ({ version: '3.0.11', pid: 1, uptimeSeconds: 1, startedAtSeconds: null }),
    readLevel: async () => 'admin',
    readSessions: async () => new Map(),
    readBackends: async () => new Map(),
    readUsedConnections: async () => new Map(),
    close: async () => {},
  };
  const store = createMemoryStore();
  const ports = {
    store,
    openSession: async () => {
      await onOpen();
      return session;
    },
    now: () => clock.ms,
    log: () => {},
    readService: async () => ({ entries: [] }),
  };
  const shard = shardOf(
    {
      name: 'edge',
      instances: [{ name: 'lb1', address: { scheme: 'tcp', host: 'lb1', port: 9999 } }],
      instancesFrom: null,
      ...{ tls: {}, snapshotEveryMs: 0, reportEveryMs: 0, shard: 50, timeoutMs: 1_000, template: null },
      backends: [policy()],
    },
    0,
  );
  const publish = (newer: SlotTable) => store.put(slotTableKey('edge'), encodeSlotTable(newer));
  const apply = (older: SlotTable) =>
    applyToShard(
      ports,
      { table: older, at: momentNow(ports.now) },
      { shard, recalling: recallShard(ports, shard) },
      pLimit(1),
      {
        snapshots: 'when-due',
      },
    );
  return { weights, store, shard, sent, clock, publish, apply };
}

test('a pass whose table was replaced meanwhile ends with the newer one applied', async () => {
  const { weights, publish, apply } = bench(async () => publish(table(2, 7)));
  const [applied] = await apply(table(1, 5));
  expect([...weights.values()]).toEqual([7, 7]);
  expect(applied?.report).toMatchObject({ generation: 2, converged: true });
  expect(applied?.changes).toHaveLength(4);
});

test('a pass that sent nothing does not look at the table again', async () => {
  const { store, publish, apply } = bench(async () => {});
  await publish(table(1, 1));
  await apply(table(1, 1));
  const { gets } = store.counts();
  await apply(table(1, 1));
  expect(store.counts().gets - gets).toBe(1);
});

test('a table that is replaced again and again does not keep a pass for ever', async () => {
  let generation = 1;
  const { apply, publish } = bench(async () => {
    generation += 1;
    await publish(table(generation, 1 + generation));
  });
  const [applied] = await apply(table(1, 9));
  expect(applied?.report.generation).toBe(3);
});

test('holds that another pass reported meanwhile are looked for again, so that the last report was seen last', async () => {
  const { store, shard, publish, apply } = bench(async () => {
    await keepReports(
      { store, log: () => {} },
      shard,
      await recallShard({ store, log: () => {} }, shard),
      [HOLD],
      {
        all: false,
      },
    );
  });
  await publish(table(1, 5));
  const [applied] = await apply(table(1, 5));
  expect(applied?.report.operatorHeld).toEqual([]);
  const { reports } = await readShard(store, shard);
  expect(reports.get('lb1')?.operatorHeld).toEqual([]);
});

test('reports that were read again are planned with, also where the table is the same', async () => {
  const { store, shard, sent, clock, publish, apply } = bench(
    async () => {},
    async () => {
      // Connecting takes three seconds, and meanwhile somebody reports what is held on an earlier process.
      clock.ms += 3_000;
      const report = {
        ...HOLD.report,
        pid: 9,
        operatorHeld: HOLD.report.operatorHeld.map((held) => ({ ...held, pid: 9 })),
      };
      const ports = { store, log: () => {} };
      await keepReports(ports, shard, await recallShard(ports, shard), [{ ...HOLD, report }], { all: false });
    },
  );
  await publish(table(1, 5));
  await apply(table(1, 5));
  expect(sent.find((one) => one.startsWith('websrv1'))).toBe('websrv1 set-state');
});
