/** `hitless status` and `hitless render`, which only read the store. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { InstanceReport } from '../../lib/model/report.ts';
import type { SlotTable } from '../../lib/model/slot-table.ts';
import { reportKey, shardReportsKey, slotTableKey } from '../../lib/store/keys.ts';
import { encodeShardReports } from '../../lib/store/report-document.ts';
import { encodeSlotTable } from '../../lib/store/slot-table-document.ts';
import { type Bench, createBench } from './bench.ts';

const NOON_MS = Date.UTC(2026, 2, 1, 12);
const INSTANCES = { lb1: 'unix:///nowhere.sock', lb2: 'tcp://127.0.0.1:1', lb3: 'tcp://127.0.0.1:2' };

const TABLE: SlotTable = {
  version: 1,
  fleet: 'edge',
  generation: 4,
  configuration: null,
  backends: {
    be_template: {
      service: 'my-cluster',
      server: 'websrv',
      slots: [
        { state: 'serving', address: '10.0.0.1', port: 80, weight: 1, sinceMs: 1, withheld: null },
        {
          state: 'serving',
          address: '10.0.0.2',
          port: 80,
          weight: 1,
          sinceMs: 1,
          withheld: { sinceMs: NOON_MS, untilMs: NOON_MS + 60_000, reason: 'deregistered' },
        },
        {
          state: 'draining',
          address: '10.0.0.3',
          port: 80,
          weight: 1,
          sinceMs: 1,
          untilMs: NOON_MS + 30_000,
        },
        { state: 'free', freedAtMs: 0, last: null },
      ],
      departures: [],
      refused: [{ address: 'localhost', port: 80, reason: 'not an IP address' }],
    },
  },
};

function report(instance: string, differs: Partial<InstanceReport> = {}): InstanceReport {
  return {
    version: 1,
    fleet: 'edge',
    instance,
    generation: 4,
    converged: true,
    reason: null,
    pid: 42,
    haproxy: '2.6.12',
    observedAtMs: NOON_MS,
    readAtMs: NOON_MS,
    applied: null,
    propagation: null,
    commands: 0,
    operatorHeld: [],
    missingSlots: [],
    snapshot: null,
    ...differs,
  };
}

function bench(table: SlotTable | null, reports: readonly InstanceReport[] = []): Bench {
  const created = createBench({
    consul: 'http://127.0.0.1:1',
    instances: INSTANCES,
    fleet: ['template: edge.cfg.j2'],
  });
  if (table !== null) store(created, slotTableKey('edge'), encodeSlotTable(table));
  const together = encodeShardReports({ version: 1, fleet: 'edge', shard: 0, reports });
  if (reports.length > 0) store(created, shardReportsKey('edge', 0), together);
  return created;
}

function store({ folder }: Bench, key: string, body: string): void {
  const path = join(folder, 'store', key);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, body);
}

describe('status', () => {
  const held = {
    backend: 'be_template',
    slot: 'websrv1',
    state: 'drain',
    address: '10.0.0.1',
    port: 80,
    servingSinceMs: 1,
    pid: 42,
  } as const;
  const reports = [
    report('lb1', { operatorHeld: [held] }),
    report('lb2', { generation: 3, converged: true }),
  ];

  test('as JSON has the shape that scripts rely on, times in ISO 8601', async () => {
    const { code, stdout, stderr } = await bench(TABLE, reports).hitless('status --json');
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      fleets: {
        edge: {
          generation: 4,
          instances: {
            lb1: {
              generation: 4,
              converged: true,
              reason: null,
              pid: 42,
              version: '2.6.12',
              observedAt: '2026-03-01T12:00:00.000Z',
            },
            lb2: {
              generation: 3,
              converged: false,
              reason: 'generation 4 was not applied to it yet, the last was 3',
            },
            lb3: { generation: 0, converged: false, reason: 'no report yet', pid: null, observedAt: null },
          },
          backends: {
            be_template: {
              slots: { total: 4, serving: 2, draining: 1, free: 1 },
              withheld: [
                {
                  slot: 'websrv2',
                  address: '10.0.0.2',
                  port: 80,
                  since: '2026-03-01T12:00:00.000Z',
                  until: '2026-03-01T12:01:00.000Z',
                  reason: 'deregistered',
                },
              ],
              operatorHeld: [{ instance: 'lb1', slot: 'websrv1', state: 'drain' }],
              refused: [{ address: 'localhost', port: 80, reason: 'not an IP address' }],
            },
          },
        },
      },
    });
  });

  test('as text names who lags and why, what is withheld, refused and held', async () => {
    const { code, stdout } = await bench(TABLE, reports).hitless('status');
    expect(code).toBe(0);
    expect(stdout).toContain('fleet edge: generation 4, 1 of 3 instances converged\n');
    expect(stdout).toMatch(/^ {2}be_template +my-cluster +4 +2 +1 +1 +1 +1$/m);
    expect(stdout).toMatch(/^ {2}lb1 +4 +yes +2\.6\.12 +42 +2026-03-01T12:00:00Z$/m);
    expect(stdout).toMatch(/^ {2}lb3 +0 +no +- +- +- +no report yet$/m);
    expect(stdout).toContain('withheld  be_template  websrv2 10.0.0.2:80 stays, since 2026-03-01T12:00:00Z');
    expect(stdout).toContain('refused   be_template  "localhost" port 80: not an IP address');
    expect(stdout).toContain('held by an operator  be_template/websrv1 in drain on lb1');
    expect(stdout).not.toContain('\u001b');
  });

  test('says how long the last change took that an event announced, and who has not got it', async () => {
    const cause = { indexes: [{ service: 'my-cluster', index: '42' }], receivedAtMs: NOON_MS - 70 };
    const trail = [{ generation: 4, ...cause, assignedAtMs: NOON_MS - 40 }];
    const took = [
      report('lb1', { applied: { generation: 4, atMs: NOON_MS }, propagation: { generation: 4, ms: 70 } }),
      report('lb2', { generation: 3, propagation: { generation: 3, ms: 900 } }),
    ];
    const created = bench({ ...TABLE, trail }, took);
    expect(JSON.parse((await created.hitless('status --json')).stdout).fleets.edge).toMatchObject({
      change: {
        indexes: cause.indexes,
        receivedAt: '2026-03-01T11:59:59.930Z',
        assignedAt: '2026-03-01T11:59:59.960Z',
      },
      propagation: { generation: 4, instances: 1, p50Ms: 70, p99Ms: 70, worstMs: 70, worst: 'lb1' },
      laggards: ['lb2', 'lb3'],
      instances: { lb1: { appliedAt: '2026-03-01T12:00:00.000Z', propagationMs: 70 } },
    });
    expect((await created.hitless('status')).stdout).toContain(
      'last change from an event: generation 4, on 1 instance: p50 70 ms, p99 70 ms, worst 70 ms (lb1); lagging: lb2, lb3',
    );
  });

  test('says that there is no table yet', async () => {
    const created = bench(null);
    const { code, stdout } = await created.hitless('status');
    expect([code, stdout.split('\n')[0]]).toEqual([
      0,
      'fleet edge: no table yet, `hitless sync` makes the first one',
    ]);
    const { edge } = JSON.parse((await created.hitless('status --json')).stdout).fleets;
    expect([edge.generation, edge.backends.be_template.slots.free]).toEqual([0, 100]);
  });

  test('a report that cannot be read is its instance’s reason, and nobody else’s', async () => {
    const created = bench(TABLE, [report('lb1')]);
    store(created, reportKey('edge', 'lb2'), '{');
    const { code, stdout } = await created.hitless('status');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}lb2 +0 +no .*report\.json: is not JSON/m);
    expect(stdout).toMatch(/^ {2}lb1 +4 +yes/m);
  });

  test('a store that cannot be read is exit 1', async () => {
    const created = bench(null);
    store(created, slotTableKey('edge'), '{"version": 1}');
    const { code, stdout, stderr } = await created.hitless('status');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^hitless: fleet edge: fleets\/edge\/slots\.json/);
    expect(JSON.parse((await created.hitless('status --json')).stdout).fleets.edge.error).toContain(
      'slots.json',
    );
  });
});

describe('render', () => {
  test('prints the configuration of the current table and nothing else', async () => {
    const { code, stdout, stderr } = await bench(TABLE).hitless('render');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^global\n/);
    expect(stdout).toContain('    server websrv1 10.0.0.1:80 weight 1 cookie websrv1 check\n');
    expect(stdout).toContain('    server websrv3 10.0.0.3:80 weight 0 cookie websrv3 check\n');
  });

  test('before the first sync has every slot free, to start the first HAProxy with', async () => {
    const { code, stdout, stderr } = await bench(null).hitless('render');
    expect([code, stderr]).toEqual([
      0,
      'hitless: fleet edge has no table yet: every slot is rendered free\n',
    ]);
    expect(stdout.match(/^ {4}server websrv\d+ 0\.0\.0\.0:80 .* disabled$/gm)).toHaveLength(100);
  });

  test('of a fleet without a template is an error that says which key is missing', async () => {
    const created = bench(TABLE);
    created.configure({ consul: 'http://127.0.0.1:1', instances: INSTANCES });
    const { code, stderr } = await created.hitless('render');
    expect([code, stderr]).toEqual([
      1,
      'hitless: fleet edge has no template: name one at fleets.edge.template\n',
    ]);
  });

  test('asks which fleet is meant when there are several', async () => {
    const created = bench(TABLE);
    const other = '  west: { instances: { w1: "tcp://127.0.0.1:3" }, backends: { be: { service: s } } }\n';
    const path = join(created.folder, 'hitless.yml');
    const { hitless } = created;
    appendTo(path, other);
    expect((await hitless('render')).stderr).toContain('choose one with --fleet (edge, west)');
    expect((await hitless('render --fleet edge')).code).toBe(0);
  });
});

function appendTo(path: string, text: string): void {
  writeFileSync(path, text, { flag: 'a' });
}
