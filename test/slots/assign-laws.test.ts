/** The laws of the slot table, over random histories. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { endpointKey } from '../../lib/model/endpoint.ts';
import type { Reading } from '../../lib/model/service-entry.ts';
import type { BackendSlots } from '../../lib/model/slot-table.ts';
import { assignBackend } from '../../lib/slots/assign.ts';
import { endpoint, policy, reading } from './records.ts';

const someReading = fc
  .record({
    present: fc.uniqueArray(fc.integer({ min: 1, max: 24 }), { maxLength: 24 }),
    critical: fc.uniqueArray(fc.integer({ min: 1, max: 24 }), { maxLength: 5 }),
    because: fc.constantFrom('critical', 'unchecked'),
  })
  .map(({ present, critical, because }): Reading => {
    const leaving = critical.filter((number) => !present.includes(number));
    return reading(
      present.map((number) => endpoint(number)),
      { leaving: leaving.map((number) => ({ ...endpoint(number), because })) },
    );
  });

const somePolicy = fc
  .record({
    slots: fc.integer({ min: 1, max: 20 }),
    spare: fc.integer({ min: 0, max: 6 }),
    keep: fc.constantFrom(0, 0.25, 0.5, 0.9, 1),
    holdMs: fc.constantFrom(0, 5_000, 60_000),
    drainMs: fc.constantFrom(0, 3_000, 30_000),
    allowEmpty: fc.boolean(),
  })
  .map((differs) => policy(differs));

const someHistory = fc.record({
  rules: somePolicy,
  moments: fc.array(fc.record({ afterMs: fc.integer({ min: 1, max: 20_000 }), now: someReading }), {
    minLength: 1,
    maxLength: 25,
  }),
});

type History = typeof someHistory extends fc.Arbitrary<infer T> ? T : never;

interface Moment {
  readonly previous: BackendSlots | null;
  readonly next: BackendSlots;
  readonly now: Reading;
  readonly nowMs: number;
}

/** Every assignment of a history, in order. */
function tablesOf({ rules, moments }: History): Moment[] {
  let previous: BackendSlots | null = null;
  let nowMs = 1_000_000;
  return moments.map(({ afterMs, now }) => {
    nowMs += afterMs;
    const next = assignBackend({ previous, reading: now, policy: rules, nowMs });
    const moment = { previous, next, now, nowMs };
    previous = next;
    return moment;
  });
}

function holders(table: BackendSlots): string[] {
  return table.slots.flatMap((slot) => (slot.state === 'free' ? [] : [endpointKey(slot)]));
}

function serving(table: BackendSlots | null): Map<string, number> {
  return new Map(
    (table?.slots ?? []).flatMap((slot, index) =>
      slot.state === 'serving' ? [[endpointKey(slot), index]] : [],
    ),
  );
}

function hold(law: (history: History, moments: Moment[]) => void): void {
  fc.assert(
    fc.property(someHistory, (history) => law(history, tablesOf(history))),
    { numRuns: 1500 },
  );
}

test('every ready endpoint serves, and nobody holds two slots', () => {
  hold((_, moments) => {
    for (const { next, now } of moments) {
      const held = holders(next);
      expect(new Set(held).size).toBe(held.length);
      const served = serving(next);
      for (const one of now.endpoints) expect(served.has(endpointKey(one))).toBe(true);
    }
  });
});

test('nobody moves while it lives, and a table never shrinks', () => {
  hold((_, moments) => {
    for (const { previous, next } of moments) {
      const after = serving(next);
      for (const [key, index] of serving(previous)) {
        if (after.has(key)) expect(after.get(key)).toBe(index);
      }
      expect(next.slots.length).toBeGreaterThanOrEqual(previous?.slots.length ?? 0);
    }
  });
});

test('the order of the endpoints does not matter', () => {
  hold(({ rules }, moments) => {
    for (const { previous, next, now, nowMs } of moments) {
      const backwards = { ...now, endpoints: now.endpoints.toReversed(), leaving: now.leaving.toReversed() };
      expect(assignBackend({ previous, reading: backwards, policy: rules, nowMs })).toEqual(next);
    }
  });
});

test('assigning the same reading again at the same time changes nothing', () => {
  hold(({ rules }, moments) => {
    for (const { next, now, nowMs } of moments) {
      expect(assignBackend({ previous: next, reading: now, policy: rules, nowMs })).toBe(next);
    }
  });
});

test('at least `spare` slots are free', () => {
  hold(({ rules }, moments) => {
    for (const { next } of moments) {
      expect(next.slots.filter((slot) => slot.state === 'free').length).toBeGreaterThanOrEqual(rules.spare);
    }
  });
});

test('an answer without endpoints costs nobody, unless allow_empty', () => {
  hold(({ rules }, moments) => {
    for (const { previous, next, now } of moments) {
      if (now.endpoints.length > 0 || rules.allowEmpty) continue;
      expect([...serving(next).keys()]).toEqual([...serving(previous).keys()]);
    }
  });
});

test('within any window of hold at most 1 - keep go, those overdue apart', () => {
  hold(({ rules }, moments) => {
    for (const [began, first] of moments.entries()) {
      const atStart = new Set(serving(first.next).keys());
      const gone = new Set<string>();
      for (const { previous, next, nowMs } of moments.slice(began + 1)) {
        if (nowMs - first.nowMs >= rules.holdMs) break;
        const before = previous?.slots ?? [];
        for (const slot of before) {
          if (slot.state !== 'serving' || serving(next).has(endpointKey(slot))) continue;
          const overdue = slot.withheld?.untilMs != null && slot.withheld.untilMs <= nowMs;
          if (!overdue && atStart.has(endpointKey(slot)) && slot.sinceMs <= first.nowMs)
            gone.add(endpointKey(slot));
        }
      }
      expect(gone.size).toBeLessThanOrEqual(Math.floor((1 - rules.keep) * atStart.size + 0.001));
    }
  });
});
