/** Who stays: what an operator does to a server is about the stay of its endpoint, ready or not. */

import { expect, test } from 'vitest';
import { type BackendSlots, stayOf } from '../../lib/model/slot-table.ts';
import { assignBackend } from '../../lib/slots/assign.ts';
import { keepStays } from '../../lib/slots/stays.ts';
import { endpoint, policy, reading } from './records.ts';

const RULES = policy({ keep: 0, holdMs: 0, drainMs: 0, slots: 4 });
const [E1, E2] = [endpoint(1), endpoint(2)];
const critical = [{ ...E1, because: 'critical' as const }];

/** Passes, one a second, each of one table. */
function history(...readings: readonly ReturnType<typeof reading>[]): BackendSlots[] {
  const tables: BackendSlots[] = [];
  for (const [index, read] of readings.entries()) {
    const previous = tables.at(-1) ?? null;
    const assigned = assignBackend({ previous, reading: read, policy: RULES, nowMs: 1_000 * (index + 1) });
    tables.push(keepStays(previous, assigned, read, { generation: index + 1, adopted: false }));
  }
  return tables;
}

const stays = (tables: readonly BackendSlots[]) =>
  tables.map(({ slots }) => (slots[0] === undefined ? null : stayOf(slots[0])));

test('a stay lasts while its endpoint is critical, and ends when it is deregistered', () => {
  const back = history(reading([E1, E2]), reading([E2], { leaving: critical }), reading([E1, E2]));
  expect(stays(back)).toEqual([1_000, 1_000, 1_000]);
  expect(back[2]?.slots[0]).toMatchObject({ state: 'serving', sinceMs: 3_000, sinceGeneration: 3 });
  const gone = history(
    reading([E1, E2]),
    reading([E2], { leaving: critical }),
    reading([E2]),
    reading([E1, E2]),
  );
  expect(stays(gone)).toEqual([1_000, 1_000, null, 4_000]);
});

test('an answer without any registration ends no stay', () => {
  expect(stays(history(reading([E1, E2]), reading([E2], { leaving: critical }), reading([])))).toEqual([
    1_000, 1_000, 1_000,
  ]);
});

test('a slot that serves on keeps the generation in which it came, and nothing new is a table as it was', () => {
  const [first, second] = history(reading([E1]), reading([E1]));
  expect(first?.slots[0]).toMatchObject({ sinceGeneration: 1 });
  expect(second).toBe(first);
});

test('the slot of who is registered and not ready is given to nobody else: the table grows instead', () => {
  const others = [3, 4, 5].map((number) => endpoint(number));
  const tables = history(
    reading([E1, E2]),
    reading([E2], { leaving: critical }),
    reading([E2, ...others], { leaving: critical }),
    reading([E1, E2, ...others]),
  );
  expect(tables[2]?.slots[0]).toMatchObject({ state: 'free', last: { address: E1.address } });
  expect(tables[2]?.slots.length).toBeGreaterThan(RULES.slots);
  expect(tables[3]?.slots[0]).toMatchObject({ state: 'serving', address: E1.address });
});
