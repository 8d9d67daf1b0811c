import { expect, test } from 'vitest';
import type { Slot } from '../../lib/model/slot-table.ts';
import { assignBackend } from '../../lib/slots/assign.ts';
import { redated } from '../../lib/slots/redated.ts';
import { endpoint, policy, reading } from './records.ts';

const HOUR_MS = 3_600_000;
const NOW_MS = 10 * HOUR_MS;
const POLICY = policy({ slots: 10, keep: 0.5, holdMs: 60_000, drainMs: 30_000 });

/** Six serve, then Consul has one: what a machine with this clock makes of it, read by one that is right. */
function tables(aheadMs: number) {
  const all = reading([1, 2, 3, 4, 5, 6].map((number) => endpoint(number)));
  const one = reading([endpoint(1)]);
  const first = assignBackend({ previous: null, reading: all, policy: POLICY, nowMs: NOW_MS - HOUR_MS });
  const made = assignBackend({ previous: first, reading: one, policy: POLICY, nowMs: NOW_MS + aheadMs });
  const after = (ms: number, previous = made) =>
    assignBackend({ previous, reading: one, policy: POLICY, nowMs: NOW_MS + ms });
  return { made, after };
}

const states = (slots: readonly Slot[]) =>
  slots
    .flatMap((slot) =>
      slot.state === 'free' ? [] : slot.state === 'serving' && slot.withheld ? 'withheld' : slot.state,
    )
    .sort();

test('drains and holds that began in the future last no longer for that', () => {
  const { after } = tables(HOUR_MS);
  const seen = after(1_000);
  expect(states(seen.slots)).toEqual(['draining', 'draining', 'draining', 'serving', 'withheld', 'withheld']);
  expect(states(after(32_000, seen).slots)).toEqual(['serving', 'withheld', 'withheld']);
  const gone = after(62_000, seen);
  expect(states(gone.slots)).toEqual(['draining', 'draining', 'serving']);
  expect(states(after(93_000, gone).slots)).toEqual(['serving']);
});

test('nor is what left in the future counted for longer', () => {
  const { made } = tables(HOUR_MS);
  expect(redated(made, NOW_MS).departures.every(({ atMs }) => atMs === NOW_MS)).toBe(true);
});

test.each([0, 4_000, -4_000])('clocks that are %d ms apart are one', (aheadMs) => {
  const { made } = tables(aheadMs);
  expect(redated(made, NOW_MS)).toBe(made);
});

test('since when an endpoint serves stays as it is, for its stay is known by that', () => {
  const { made } = tables(HOUR_MS);
  const since = ({ slots }: typeof made) =>
    slots.flatMap((slot) => (slot.state === 'serving' ? slot.sinceMs : []));
  expect(since(redated(made, NOW_MS - 2 * HOUR_MS))).toEqual(since(made));
});
