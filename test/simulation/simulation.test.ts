/** A share of `npm run simulate`: every rule of rules/ holds, whatever happens. */

import { expect, test } from 'vitest';
import { rules } from './rules/all.ts';
import { runSeed } from './run-seed.ts';

const SEEDS = 150;
const PARTS = 5;

test('the ten rules have a watcher each, with a sentence of its own', () => {
  expect([...new Set(rules.map((rule) => rule.number))]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(new Set(rules.map((rule) => rule.sentence)).size).toBe(rules.length);
});

test.each(
  Array.from({ length: PARTS }, (_, part) => 1 + (part * SEEDS) / PARTS),
)(`seeds from %i on break no rule`, async (from) => {
  for (let seed = from; seed < from + SEEDS / PARTS; seed += 1) {
    const { violations } = await runSeed(seed);
    expect(violations, `its story: npm run simulate -- --seed ${seed}`).toEqual([]);
  }
}, 120_000);
