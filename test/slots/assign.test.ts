import { describe, expect, test } from 'vitest';
import { type Endpoint, endpointKey } from '../../lib/model/endpoint.ts';
import type { BackendPolicy } from '../../lib/model/fleet.ts';
import type { Reading } from '../../lib/model/service-entry.ts';
import { type BackendSlots, kindOf, type Slot } from '../../lib/model/slot-table.ts';
import { assignBackend, MOST_SLOTS } from '../../lib/slots/assign.ts';
import { releaseWithheld } from '../../lib/slots/release.ts';
import { endpoint, policy, reading } from './records.ts';

/** One line a slot: `serving 10.0.0.1:8080`, `withheld …`, `draining …`, `free`. */
function shown(slot: Slot): string {
  if (slot.state === 'free') return 'free';
  const withheld = slot.state === 'serving' && slot.withheld !== null;
  return `${withheld ? 'withheld' : slot.state} ${endpointKey(slot)}`;
}

/** Plays readings one after the other, each at its time, and returns the last table. */
function play(rules: BackendPolicy, ...moments: readonly (readonly [atMs: number, Reading])[]): BackendSlots {
  const last = moments.reduce<BackendSlots | null>(
    (previous, [nowMs, now]) => assignBackend({ previous, reading: now, policy: rules, nowMs }),
    null,
  );
  if (last === null) throw new Error('a play needs a reading');
  return last;
}

const one = endpoint(1);
const two = endpoint(2);
const three = endpoint(3);

describe('slots', () => {
  test('are given in order to endpoints in order, on the first reading', () => {
    const table = play(policy({ slots: 3 }), [1000, reading([one, two])]);
    expect(table.slots.map(shown)).toEqual(['serving 10.0.0.1:8080', 'serving 10.0.0.2:8080', 'free']);
  });

  test('stay with their endpoint when others come and go', () => {
    const table = play(policy({ slots: 3 }), [1000, reading([one, two])], [2000, reading([two, three])]);
    expect(table.slots.map(shown)).toEqual([
      'draining 10.0.0.1:8080',
      'serving 10.0.0.2:8080',
      'serving 10.0.0.3:8080',
    ]);
  });

  test('are given back to an endpoint that returns while its slot is free', () => {
    const rules = policy({ slots: 4, drainMs: 0 });
    const table = play(rules, [1, reading([one, two])], [2, reading([two])], [3, reading([one, two, three])]);
    expect(table.slots.map(shown).slice(0, 3)).toEqual([
      'serving 10.0.0.1:8080',
      'serving 10.0.0.2:8080',
      'serving 10.0.0.3:8080',
    ]);
  });

  test('that have been free longest are given first', () => {
    const rules = policy({ slots: 3, drainMs: 0 });
    const moments: [number, Reading][] = [
      [1, reading([one, two, three])],
      [2, reading([one, three])],
      [3, reading([three])],
      [4, reading([three, endpoint(4)])],
    ];
    expect(play(rules, ...moments).slots.map(shown)).toEqual([
      'free',
      'serving 10.0.0.4:8080',
      'serving 10.0.0.3:8080',
    ]);
  });

  test('grow in a step when fewer than `spare` are free, and never shrink', () => {
    const rules = policy({ slots: 3, spare: 2 });
    const grown = play(rules, [1, reading([one, two])]);
    expect(grown.slots).toHaveLength(13);
    expect(
      assignBackend({ previous: grown, reading: reading([one]), policy: rules, nowMs: 2 }).slots,
    ).toHaveLength(13);
  });

  test('never exceed what HAProxy takes; who finds none is refused by name', () => {
    const many = Array.from({ length: MOST_SLOTS + 1 }, (_, index) => endpoint(index + 1));
    const table = play(policy(), [1, reading(many)]);
    expect(table.slots).toHaveLength(MOST_SLOTS);
    expect(table.refused).toHaveLength(1);
    expect(table.refused[0]?.reason).toContain('no slot left');
  });

  test('take the weight of their endpoint, or none when `weights` is off', () => {
    const heavy = reading([endpoint(1, 7)]);
    expect(play(policy(), [1, heavy]).slots[0]).toMatchObject({ weight: 7 });
    expect(play(policy({ weights: false }), [1, heavy]).slots[0]).toMatchObject({ weight: null });
  });
});

describe('a departure', () => {
  test.each([
    { what: 'deregistered: drains', leaving: undefined, state: 'draining' },
    { what: 'in maintenance: drains', leaving: 'maintenance' as const, state: 'draining' },
    { what: 'critical: is free at once', leaving: 'critical' as const, state: 'free' },
  ])('$what', ({ leaving, state }) => {
    const gone = leaving === undefined ? [] : [{ ...one, because: leaving }];
    const table = play(policy(), [1, reading([one, two])], [2, reading([two], { leaving: gone })]);
    expect(table.slots[0]?.state).toBe(state);
  });

  test('drains until `drain` has passed, then its slot is free', () => {
    const moments: [number, Reading][] = [
      [1000, reading([one, two])],
      [2000, reading([two])],
    ];
    expect(play(policy(), ...moments, [31_999, reading([two])]).slots[0]?.state).toBe('draining');
    expect(play(policy(), ...moments, [32_000, reading([two])]).slots[0]?.state).toBe('free');
  });

  test('that comes back while it drains serves again in its slot', () => {
    const table = play(policy(), [1, reading([one, two])], [2, reading([two])], [3, reading([one, two])]);
    expect(table.slots.slice(0, 2).map(shown)).toEqual(['serving 10.0.0.1:8080', 'serving 10.0.0.2:8080']);
  });
});

describe('an answer without endpoints', () => {
  const served: [number, Reading] = [1, reading([one, two])];

  test('leaves everybody serving, withheld without end', () => {
    const table = play(policy(), served, [2, reading([])], [3_600_000, reading([])]);
    expect(table.slots.slice(0, 2).map(shown)).toEqual(['withheld 10.0.0.1:8080', 'withheld 10.0.0.2:8080']);
    expect(table.slots[0]).toMatchObject({ withheld: { sinceMs: 2, untilMs: null } });
  });

  test('does not count towards `hold` for the answers that follow', () => {
    const table = play(policy({ keep: 0.9 }), served, [2, reading([])], [3_600_000, reading([one])]);
    expect(table.slots[1]).toMatchObject({ withheld: { sinceMs: 3_600_000, untilMs: 3_660_000 } });
  });

  test('costs nobody either when a part of the truth follows it, until `hold` has passed', () => {
    const rules = policy({ keep: 0.5, drainMs: 0 });
    const all: [number, Reading] = [1, reading([one, two, three])];
    const part = reading([two]);
    const table = play(rules, all, [2, reading([])], [3, part], [4, part], [60_002, part]);
    expect(table.slots.slice(0, 3).map(shown)).toEqual([
      'withheld 10.0.0.1:8080',
      'serving 10.0.0.2:8080',
      'withheld 10.0.0.3:8080',
    ]);
    expect(table.slots[0]).toMatchObject({
      withheld: {
        sinceMs: 3,
        untilMs: 60_003,
        reason: 'deregistered, but Consul had no endpoint at all a moment ago',
      },
    });
    const later = assignBackend({ previous: table, reading: part, policy: rules, nowMs: 60_003 });
    expect(later.slots.slice(0, 3).map(shown)).toEqual(['free', 'serving 10.0.0.2:8080', 'free']);
  });

  test('empties the backend where `allow_empty` says so', () => {
    const table = play(policy({ allowEmpty: true, drainMs: 0 }), served, [2, reading([])]);
    expect(table.slots.every((slot) => slot.state === 'free')).toBe(true);
  });
});

describe('the guard', () => {
  const ten = Array.from({ length: 10 }, (_, index) => endpoint(index + 1));
  const guarded = policy({ slots: 12, keep: 0.5, drainMs: 0 });
  const serving = (table: BackendSlots) => table.slots.filter((slot) => slot.state === 'serving').length;

  test('lets at most `1 - keep` go at once, and withholds the rest with a reason and an end', () => {
    const table = play(guarded, [0, reading(ten)], [100_000, reading(ten.slice(8))]);
    expect(serving(table)).toBe(5);
    expect(table.slots.filter((slot) => slot.state === 'serving' && slot.withheld !== null)).toHaveLength(3);
    expect(table.slots.map(shown)).toContain('withheld 10.0.0.8:8080');
  });

  test('is not eroded by passes that follow within `hold`', () => {
    const steps = [8, 6, 4, 2].map((left, index): [number, Reading] => [
      100_000 + 10_000 * index,
      reading(ten.slice(10 - left)),
    ]);
    expect(serving(play(guarded, [0, reading(ten)], ...steps))).toBe(5);
  });

  test('lets the withheld go when every reading for `hold` has missed them', () => {
    const table = play(
      guarded,
      [0, reading(ten)],
      [100_000, reading(ten.slice(8))],
      [160_000, reading(ten.slice(8))],
    );
    expect(serving(table)).toBe(2);
  });

  test('forgets a withheld endpoint that comes back', () => {
    const back = play(guarded, [0, reading(ten)], [100_000, reading(ten.slice(8))], [110_000, reading(ten)]);
    expect(back.slots.some((slot) => slot.state === 'serving' && slot.withheld !== null)).toBe(false);
  });

  test('gives way first to those that Consul names as not ready', () => {
    const leaving = [{ ...endpoint(10), because: 'critical' as const }];
    const table = play(guarded, [0, reading(ten)], [100_000, reading(ten.slice(0, 3), { leaving })]);
    expect(table.slots[9]?.state).toBe('free');
  });
});

describe('an endpoint whose registration turns unusable', () => {
  const guarded = policy({ keep: 0.5 });
  const whose = (number: number) => ({ node: `node${number}`, id: `web-${number}` });
  const four = [1, 2, 3, 4].map((number) => ({ ...endpoint(number), registration: whose(number) }));
  const unusable = [3, 4].map((number) => ({ ...whose(number), reason: 'the port is 0' }));
  const broken = reading(four.slice(0, 2), { unusable });
  const states = (table: BackendSlots) => table.slots.slice(0, 4).map((slot) => shown(slot).split(' ')[0]);

  test('stays for as long as Consul has it ready under the same id, far beyond `hold`, and is told about', () => {
    const table = play(guarded, [0, reading(four)], [100_000, broken], [900_000, broken]);
    expect(states(table)).toEqual(['serving', 'serving', 'withheld', 'withheld']);
    const { withheld } = { withheld: null, ...table.slots[2] };
    expect(withheld).toMatchObject({ kind: 'unusable', sinceMs: 100_000, untilMs: null });
    expect(withheld?.reason).toContain('the port is 0');
    expect(table.departures).toEqual([]);
  });

  test('departs as any other once it is deregistered: as far as the guard allows, from then on', () => {
    const gone = reading(four.slice(0, 2), { unusable: unusable.slice(1) });
    const table = play(guarded, [0, reading(four)], [100_000, broken], [900_000, gone]);
    expect(states(table)).toEqual(['serving', 'serving', 'draining', 'withheld']);
    const third = play(guarded, [0, reading(four)], [100_000, broken], [900_000, reading(four.slice(0, 1))]);
    expect(states(third)).toEqual(['serving', 'draining', 'draining', 'withheld']);
    expect(third.slots[3]).toMatchObject({ withheld: { kind: 'guard', sinceMs: 900_000, untilMs: 960_000 } });
  });

  test('serves on when its registration is as it was, and goes when somebody else is ready at its place', () => {
    const back = play(guarded, [0, reading(four)], [100_000, broken], [101_000, reading(four)]);
    expect(states(back)).toEqual(['serving', 'serving', 'serving', 'serving']);
    const moved = { ...endpoint(9), registration: whose(3) };
    const table = play(guarded, [0, reading(four)], [1, broken], [2, reading([...four.slice(0, 2), moved])]);
    expect(table.slots[2]?.state).toBe('draining');
  });

  test('is let go by an operator, without a word about empty answers', () => {
    const table = play(guarded, [0, reading(four)], [100_000, broken]);
    const { slots, released } = releaseWithheld(table, { empty: false });
    expect(released).toEqual([3, 4]);
    const next = assignBackend({ previous: slots, reading: broken, policy: guarded, nowMs: 101_000 });
    expect(states(next)).toEqual(['serving', 'serving', 'draining', 'draining']);
  });

  test('goes at once where there is no guard', () => {
    expect(states(play(policy({ keep: 0 }), [0, reading(four)], [1, broken]))).toEqual([
      ...['serving', 'serving', 'draining', 'draining'],
    ]);
  });

  test('keeps its name when an event from the queue does not say it', () => {
    const nameless = [1, 2, 3, 4].map((number) => endpoint(number));
    const table = play(guarded, [0, reading(four)], [1, reading(nameless)], [2, broken]);
    expect(states(table)).toEqual(['serving', 'serving', 'withheld', 'withheld']);
  });
});

test('what an earlier release withheld is understood by its sentence', () => {
  const reason = 'critical, but Consul has told no result of its checks since its agent started';
  expect(kindOf({ sinceMs: 1, untilMs: 2, reason })).toBe('unchecked');
  expect(kindOf({ sinceMs: 1, untilMs: 2, reason: 'deregistered, but …' })).toBe('guard');
  expect(kindOf({ sinceMs: 1, untilMs: null, reason: 'Consul has no endpoint …' })).toBe('empty');
});

describe('an endpoint whose checks Consul has told no result of since its agent started', () => {
  const guarded = policy({ keep: 0.5 });
  const four = [one, two, three, endpoint(4)];
  const unchecked = (...some: Endpoint[]) => some.map((each) => ({ ...each, because: 'unchecked' as const }));
  const restarted = reading([one], { leaving: unchecked(two, three, endpoint(4)) });
  const states = (table: BackendSlots) => table.slots.slice(0, 4).map((slot) => shown(slot).split(' ')[0]);

  test('serves on, withheld, however many they are', () => {
    const table = play(guarded, [0, reading(four)], [100_000, restarted]);
    expect(states(table)).toEqual(['serving', 'withheld', 'withheld', 'withheld']);
    expect(table.slots[1]).toMatchObject({ withheld: { sinceMs: 100_000, untilMs: 160_000 } });
    expect(table.departures).toEqual([]);
  });

  test('is simply serving when its check has passed, and free at once when it has failed', () => {
    const leaving = [...unchecked(three, endpoint(4)), { ...two, because: 'critical' as const }];
    const table = play(
      guarded,
      [0, reading(four)],
      [100_000, restarted],
      [
        101_000,
        reading([one, three], { leaving: leaving.filter(({ address }) => address !== three.address) }),
      ],
    );
    expect(states(table)).toEqual(['serving', 'free', 'serving', 'withheld']);
  });

  test('goes when there is still no result after `hold`', () => {
    const table = play(guarded, [0, reading(four)], [100_000, restarted], [160_000, restarted]);
    expect(states(table)).toEqual(['serving', 'free', 'free', 'free']);
  });

  test('goes at once where there is no guard', () => {
    const table = play(policy({ keep: 0 }), [0, reading(four)], [100_000, restarted]);
    expect(states(table)).toEqual(['serving', 'free', 'free', 'free']);
  });

  test('does not begin to serve, and drains on when it was draining', () => {
    const table = play(guarded, [0, reading([one, two])], [100_000, reading([one])], [100_001, restarted]);
    expect(states(table)).toEqual(['serving', 'draining', 'free', 'free']);
  });

  test('counts from its own first reading, when there was nothing at all before', () => {
    const table = play(guarded, [0, reading(four)], [50_000, reading([])], [100_000, restarted]);
    expect(table.slots[1]).toMatchObject({ withheld: { sinceMs: 100_000, untilMs: 160_000 } });
  });
});

describe('a table', () => {
  test('is the very same object when nothing changed', () => {
    const rules = policy();
    const table = play(rules, [1, reading([one, two])]);
    expect(assignBackend({ previous: table, reading: reading([two, one]), policy: rules, nowMs: 9 })).toBe(
      table,
    );
  });

  test('does not change because departures grow old', () => {
    const rules = policy({ keep: 0.5, drainMs: 0 });
    const table = play(rules, [1, reading([one, two])], [2, reading([two])]);
    expect(table.departures).toHaveLength(1);
    expect(assignBackend({ previous: table, reading: reading([two]), policy: rules, nowMs: 1e9 })).toBe(
      table,
    );
  });

  test('starts from what an instance already serves; who is not in Consul departs like anybody else', () => {
    const adopted = new Map([
      [3, one],
      [4, endpoint(99)],
    ]);
    const table = assignBackend({
      previous: null,
      reading: reading([one, two]),
      policy: policy(),
      nowMs: 1,
      adopted,
    });
    expect(table.slots.map(shown)).toEqual([
      'serving 10.0.0.2:8080',
      'free',
      'serving 10.0.0.1:8080',
      'draining 10.0.0.99:8080',
      'free',
    ]);
  });

  test('that starts while Consul has nothing keeps whom the instance serves', () => {
    const adopted = new Map([[2, one]]);
    const table = assignBackend({
      previous: null,
      reading: reading([]),
      policy: policy(),
      nowMs: 1,
      adopted,
    });
    expect(table.slots.map(shown)[1]).toBe('withheld 10.0.0.1:8080');
  });
});
