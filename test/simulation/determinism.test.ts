import { expect, test } from 'vitest';
import { runSeed } from './run-seed.ts';

test.each([1, 2, 3, 77, 1234])('seed %i has the same story every time', async (seed) => {
  const first = await runSeed(seed);
  await runSeed(seed + 1);
  const again = await runSeed(seed);
  expect(again.story).toEqual(first.story);
  expect(again).toEqual(first);
});

test('another seed has another story', async () => {
  expect((await runSeed(5)).story).not.toEqual((await runSeed(6)).story);
});

test('the real timers are back after a seed', async () => {
  const before = [setTimeout, clearTimeout, AbortSignal.timeout];
  await runSeed(1);
  expect([setTimeout, clearTimeout, AbortSignal.timeout]).toEqual(before);
  expect(Math.abs(performance.now() + performance.timeOrigin - Date.now())).toBeLessThan(60_000);
});
