import { describe, expect, test } from 'vitest';
import type { Reading } from '../../lib/model/service-entry.ts';
import type { BackendSlots } from '../../lib/model/slot-table.ts';
import { assignBackend } from '../../lib/slots/assign.ts';
import { releaseWithheld } from '../../lib/slots/release.ts';
import { endpoint, policy, reading } from './records.ts';

const ten = Array.from({ length: 10 }, (_, index) => endpoint(index + 1));
const rules = policy({ slots: 10, keep: 0.5, drainMs: 30_000 });
const one = reading(ten.slice(0, 1));

function assign(previous: BackendSlots | null, now: Reading, nowMs: number): BackendSlots {
  return assignBackend({ previous, reading: now, policy: rules, nowMs });
}

/** Ten served; at 100 s Consul has one: five drain, four are withheld. */
const guarded = assign(assign(null, reading(ten), 0), one, 100_000);
/** Ten served; at 100 s Consul has nobody: all are withheld without an end. */
const emptied = assign(assign(null, reading(ten), 0), reading([]), 100_000);

function states(table: BackendSlots): Record<string, number> {
  const named = table.slots.map((slot) =>
    slot.state === 'serving' && slot.withheld !== null ? 'withheld' : slot.state,
  );
  return Object.fromEntries([...Map.groupBy(named, (name) => name)].map(([name, all]) => [name, all.length]));
}

const EMPTY = { empty: true };
const ONLY_MISSED = { empty: false };

describe('what the guard withholds', () => {
  test('goes with the next assignment once it is released, critical at once and the rest by a drain', () => {
    const { slots, released, staying } = releaseWithheld(guarded, ONLY_MISSED);
    expect([released, staying]).toEqual([[7, 8, 9, 10], []]);
    expect(states(slots)).toEqual(states(guarded));
    const leaving = [{ ...endpoint(10), because: 'critical' as const }];
    const next = assign(slots, reading(ten.slice(0, 1), { leaving }), 101_000);
    expect(states(next)).toEqual({ serving: 1, draining: 8, free: 1 });
    expect(next.slots[9]?.state).toBe('free');
  });

  test('stays and is released no more when Consul has it again', () => {
    const { slots } = releaseWithheld(guarded, ONLY_MISSED);
    const back = assign(slots, reading(ten), 101_000);
    expect(states(back)).toEqual({ serving: 10 });
    expect(states(assign(back, one, 300_000))).toEqual(states(guarded));
  });

  test('is not what an answer without endpoints takes away', () => {
    const { slots } = releaseWithheld(guarded, ONLY_MISSED);
    const blip = assign(slots, reading([]), 101_000);
    expect(states(blip)).toEqual({ withheld: 5, draining: 5 });
    expect(states(assign(blip, one, 102_000))).toEqual({ serving: 1, draining: 9 });
  });

  test('is marked once: a second release has nothing to do', () => {
    const { slots } = releaseWithheld(guarded, ONLY_MISSED);
    expect(releaseWithheld(slots, EMPTY)).toEqual({ slots, released: [], staying: [] });
    expect(releaseWithheld(slots, EMPTY).slots).toBe(slots);
  });
});

describe('what an answer without endpoints withholds', () => {
  test('stays when it is released without a word about emptiness', () => {
    const { slots, released, staying } = releaseWithheld(emptied, ONLY_MISSED);
    expect(slots).toBe(emptied);
    expect([released.length, staying.length]).toEqual([0, 10]);
  });

  test('goes when it is released with that word', () => {
    const { slots, released } = releaseWithheld(emptied, EMPTY);
    expect(released).toHaveLength(10);
    expect(states(assign(slots, reading([]), 101_000))).toEqual({ draining: 10 });
  });

  test('that comes after the release is withheld anew', () => {
    const { slots } = releaseWithheld(emptied, EMPTY);
    const others = assign(slots, reading([endpoint(11)]), 101_000);
    expect(states(assign(others, reading([]), 102_000))).toEqual({ withheld: 1, draining: 10, free: 9 });
  });
});

test('a draining endpoint that turns critical goes at once, unless Consul has nobody else', () => {
  const draining = assign(assign(null, reading(ten), 0), reading(ten.slice(1)), 100_000);
  const leaving = [{ ...endpoint(1), because: 'critical' as const }];
  expect(assign(draining, reading(ten.slice(1), { leaving }), 101_000).slots[0]?.state).toBe('free');
  expect(assign(draining, reading([], { leaving }), 101_000).slots[0]?.state).toBe('draining');
});

test('nothing is withheld: there is nothing to release', () => {
  const table = assign(null, reading(ten), 0);
  expect(releaseWithheld(table, EMPTY)).toEqual({ slots: table, released: [], staying: [] });
});
