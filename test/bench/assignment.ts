/** (e) Assignment and plan: what a pass computes without asking anybody, for 100 to 10,000 endpoints. */

import { readEndpoints } from '../../lib/consul/reading.ts';
import { capabilitiesOf } from '../../lib/model/capabilities.ts';
import { endpointKey } from '../../lib/model/endpoint.ts';
import type { BackendPolicy } from '../../lib/model/fleet.ts';
import type { ObservedServer } from '../../lib/model/observed.ts';
import type { Plan } from '../../lib/model/plan.ts';
import type { ServiceEntry } from '../../lib/model/service-entry.ts';
import { type BackendSlots, type SlotTable, slotName } from '../../lib/model/slot-table.ts';
import { UNKNOWN_MEMORY } from '../../lib/plan/instance-memory.ts';
import { planInstance } from '../../lib/plan/plan-instance.ts';
import { assignBackend } from '../../lib/slots/assign.ts';
import { policy } from '../slots/records.ts';
import { type Benchmark, type Row, verify } from './benchmark.ts';
import { median } from './statistics.ts';

const COUNTS = [100, 1_000, 2_500, 5_000, 10_000] as const;
/** HAProxy takes 4,095 servers in a backend, so ten thousand are in several. */
const IN_BACKEND = 2_500;
const NOW_MS = Date.UTC(2026, 0, 1);

interface Times {
  readonly read: number;
  readonly assign: number;
  readonly plan: number;
  readonly again: number;
}

export const assignment: Benchmark = {
  name: 'assignment',
  title: 'assignment and plan, nothing assigned before, for 100 to 10,000 endpoints',

  async run({ runs, size, tell }) {
    const rounds = runs ?? (size === 'small' ? 5 : 15);
    const rows: Row[] = [];
    const perEndpoint = new Map<number, number>();
    for (const count of COUNTS) {
      tell(`${count} endpoints`);
      const world = worldOf(count);
      // The first rounds meet cold code.
      for (let warm = 0; warm < 3; warm += 1) once(world);
      const times = Array.from({ length: rounds }, () => once(world));
      const both = median(times.map(({ assign, plan }) => assign + plan));
      perEndpoint.set(count, both / count);
      const part = (name: keyof Times) => median(times.map((time) => time[name])).toFixed(2);
      rows.push({
        what: `${count.toLocaleString('en-US')} endpoints, assigned and planned`,
        value: both,
        unit: 'ms',
        ...(count === 10_000 ? { bar: { atMost: 50 } } : {}),
        note: `assign ${part('assign')}, plan ${part('plan')}; reading Consul's entries ${part('read')}; again, with nothing to do ${part('again')}`,
      });
    }
    const growth = (perEndpoint.get(10_000) ?? 0) / (perEndpoint.get(1_000) ?? 1);
    rows.push({
      what: 'time for an endpoint of 10,000, against one of 1,000',
      value: growth,
      unit: '×',
      bar: { atMost: 1.5 },
      note: '"linear" read as: at most half as much again',
    });
    return { sizes: { rounds, endpoints: COUNTS, 'in a backend at most': IN_BACKEND }, rows };
  },
};

interface World {
  readonly policies: readonly BackendPolicy[];
  readonly entries: readonly (readonly ServiceEntry[])[];
  readonly servers: readonly ObservedServer[];
}

function worldOf(count: number): World {
  const backends = Math.ceil(count / IN_BACKEND);
  const each = count / backends;
  const policies = Array.from({ length: backends }, (_, index) =>
    policy({ backend: `be_${index}`, service: `service-${index}`, slots: each }),
  );
  const entries = policies.map((_, net) => Array.from({ length: each }, (_, number) => entry(net, number)));
  const servers = policies.flatMap((own) =>
    Array.from({ length: each }, (_, index) => parked(own, slotName(own, index + 1), index + 1)),
  );
  return { policies, entries, servers };
}

function entry(net: number, number: number): ServiceEntry {
  const address = `10.${net}.${Math.floor(number / 250)}.${1 + (number % 250)}`;
  return { address, port: 8080, tags: [], status: 'passing', weights: { passing: 1, warning: 1 } };
}

function parked({ backend, placeholder }: BackendPolicy, server: string, id: number): ObservedServer {
  return {
    ...{ backend, server, ...placeholder, admin: 'maint', adminMask: 5, operational: 'stopped' },
    ...{ weight: 1, configuredWeight: 1, id, forcedId: false, ssl: false },
    ...{ healthCheck: 'disabled', agentCheck: 'none' },
  };
}

function once(world: World): Times {
  const started = performance.now();
  const readings = world.policies.map((own, index) => readEndpoints(world.entries[index] ?? [], own));
  const read = performance.now();
  const assigned = world.policies.map((own, index): [string, BackendSlots] => {
    const reading = readings[index];
    if (reading === undefined) throw new RangeError('a backend without a reading');
    return [own.backend, assignBackend({ previous: null, reading, policy: own, nowMs: NOW_MS })];
  });
  const done = performance.now();
  const table: SlotTable = {
    ...{ version: 1, fleet: 'edge', generation: 1, configuration: null },
    backends: Object.fromEntries(assigned),
  };
  const plan = planOf(world, table);
  const planned = performance.now();
  check(world, table, plan);
  const before = performance.now();
  for (const [index, own] of world.policies.entries()) {
    const reading = readings[index];
    const previous = table.backends[own.backend] ?? null;
    if (reading === undefined || previous === null) throw new RangeError('a backend without slots');
    verify(
      assignBackend({ previous, reading, policy: own, nowMs: NOW_MS + 1 }) === previous,
      'assigning again changes nothing',
    );
  }
  const again = performance.now();
  return { read: read - started, assign: done - read, plan: planned - done, again: again - before };
}

function planOf({ policies, servers }: World, table: SlotTable): Plan {
  return planInstance(policies, table, {
    servers,
    memory: UNKNOWN_MEMORY,
    sessions: new Map(),
    able: capabilitiesOf('3.0.0'),
  });
}

function check({ entries }: World, table: SlotTable, plan: Plan): void {
  const wanted = new Set(entries.flat().map(endpointKey));
  const held = Object.values(table.backends).flatMap(({ slots }) =>
    slots.flatMap((slot) => (slot.state === 'serving' ? [endpointKey(slot)] : [])),
  );
  verify(held.length === wanted.size, 'as many slots serve as there are endpoints');
  verify(
    held.every((key) => wanted.has(key)) && new Set(held).size === held.length,
    'every endpoint has one slot',
  );
  const added = new Set(
    plan.changes.flatMap(({ kind, endpoint }) => (kind === 'add' ? endpointKey(endpoint) : [])),
  );
  verify(added.size === wanted.size, 'the plan adds every endpoint');
}
