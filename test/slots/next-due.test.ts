/** When a fleet needs a pass by itself. */

import { expect, test } from 'vitest';
import type { Slot } from '../../lib/model/slot-table.ts';
import { nextDue } from '../../lib/slots/next-due.ts';

const at = { address: '10.0.0.1', port: 80 };
const free: Slot = { state: 'free', freedAtMs: 0, last: null };
const draining = (untilMs: number): Slot => ({ state: 'draining', ...at, weight: 1, sinceMs: 0, untilMs });
const withheld = (untilMs: number | null): Slot => ({
  ...{ state: 'serving', ...at, weight: 1, sinceMs: 0 },
  withheld: { sinceMs: 0, untilMs, reason: 'x' },
});
const serving: Slot = { state: 'serving', ...at, weight: 1, sinceMs: 0, withheld: null };

const table = (...backends: readonly (readonly Slot[])[]) => ({
  backends: Object.fromEntries(
    backends.map((slots, index) => [
      `be${index}`,
      { service: 's', server: 'srv', slots, departures: [], refused: [] },
    ]),
  ),
});

test.each([
  { what: 'no backend', table: table(), due: null },
  { what: 'nobody on the way', table: table([free, serving]), due: null },
  { what: 'a drain', table: table([serving, draining(500)]), due: 500 },
  { what: 'a hold', table: table([withheld(700)]), due: 700 },
  { what: 'a hold that only an operator ends', table: table([withheld(null)]), due: null },
  {
    what: 'several, in any backend',
    table: table([draining(900), withheld(700)], [draining(800)]),
    due: 700,
  },
  { what: 'one that is over, and one that is not', table: table([draining(100), draining(101)]), due: 101 },
])('$what: $due', ({ table: given, due }) => {
  expect(nextDue(given, 100)).toBe(due);
});
