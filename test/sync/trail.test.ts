/** How long a change took to an instance. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { InstanceReport } from '../../lib/model/report.ts';
import type { Cause, SlotTable } from '../../lib/model/slot-table.ts';
import { continueTrail, propagationMs, propagationOf } from '../../lib/sync/trail.ts';

function table(...received: readonly (number | null)[]): SlotTable {
  const trail = received.map(
    (receivedAtMs, index): Cause => ({
      generation: index + 1,
      indexes: [],
      receivedAtMs,
      assignedAtMs: 1_000 * (index + 1),
    }),
  );
  return { version: 1, fleet: 'edge', generation: received.length, configuration: null, trail, backends: {} };
}

function report(differs: Partial<InstanceReport>): InstanceReport {
  return {
    ...{ version: 1, fleet: 'edge', instance: 'lb1', generation: 1, converged: true, reason: null, pid: 7 },
    ...{ haproxy: '3.2.1', observedAtMs: 1, readAtMs: 1, applied: null, propagation: null, commands: 0 },
    ...{ operatorHeld: [], missingSlots: [], snapshot: null },
    ...differs,
  };
}

describe('from the event until it was read back', () => {
  const having = (generation: number) => report({ applied: { generation, atMs: 1 } });

  test.each([
    { what: 'the generation’s own event', of: table(100, 400), last: having(1), ms: 600 },
    {
      what: 'the oldest event of the generations that came at once',
      of: table(100, 300, 400),
      last: having(1),
      ms: 700,
    },
    { what: 'events only, not what a reconcile found', of: table(100, 300, null), last: having(1), ms: 700 },
    { what: 'nothing when no event announced it', of: table(100, null), last: having(1), ms: null },
    { what: 'nothing for an instance that is new', of: table(100), last: null, ms: null },
    {
      what: 'nothing for an instance that could not be reached',
      of: table(100, 400),
      last: report({ pid: null, applied: { generation: 1, atMs: 1 } }),
      ms: null,
    },
    {
      what: 'at least 0, when the clocks of two machines differ',
      of: table(100, 1_200),
      last: having(1),
      ms: 0,
    },
  ])('counts $what', ({ of, last, ms }) => {
    expect(propagationMs(of, last, 1_000)).toBe(ms);
  });
});

test('a trail holds the last ten generations, oldest first', () => {
  let made = table();
  for (let generation = 1; generation <= 12; generation += 1) {
    const cause = { generation, indexes: [], receivedAtMs: null, assignedAtMs: generation };
    made = { ...made, trail: continueTrail(made, cause) };
  }
  expect(made.trail?.map(({ generation }) => generation)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
});

describe('the propagation of a fleet', () => {
  test('is unknown when no event was ever applied', () => {
    expect(propagationOf([report({})])).toBeNull();
  });

  test('is that of the newest generation, whoever has it', () => {
    const reports = [3, 5, 5].map((generation, index) =>
      report({ instance: `lb${index}`, propagation: { generation, ms: 10 * (index + 1) } }),
    );
    expect(propagationOf(reports)).toEqual({
      ...{ generation: 5, instances: 2, p50Ms: 20, p99Ms: 30, worstMs: 30, worst: 'lb2' },
    });
  });

  test('has its median, its 99th percentile and its worst in that order, each of them a time that was measured', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1, maxLength: 300 }), (times) => {
        const told = propagationOf(times.map((ms) => report({ propagation: { generation: 1, ms } })));
        if (told === null) throw new Error('there are times');
        expect(told.worstMs).toBe(Math.max(...times));
        expect(times).toContain(told.p50Ms);
        expect(times).toContain(told.p99Ms);
        const below = (ms: number) => times.filter((time) => time <= ms).length / times.length;
        expect(below(told.p50Ms)).toBeGreaterThanOrEqual(0.5);
        expect(below(told.p99Ms)).toBeGreaterThanOrEqual(0.99);
      }),
    );
  });
});
