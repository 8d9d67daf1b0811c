import { expect, test } from 'vitest';
import { StoreClock } from '../../lib/store/store-clock.ts';

const NOON_MS = Date.UTC(2026, 2, 1, 12);

/** A store whose clock is right, seen by a machine that is so far ahead, over a network that takes so long. */
function seen(aheadMs: number) {
  let trueMs = NOON_MS;
  const clock = new StoreClock(() => trueMs + aheadMs);
  const ask = (tookMs = 40) =>
    clock.hear(
      async () => {
        const date = new Date(trueMs + tookMs / 2).toUTCString();
        trueMs += tookMs;
        return date;
      },
      (date) => date,
    );
  const later = (ms: number) => {
    trueMs += ms;
  };
  return { clock, ask, later, errorMs: () => clock.now() - trueMs };
}

test('a clock that is right to the second is believed to the millisecond', async () => {
  const { clock, ask, later, errorMs } = seen(0);
  for (let n = 0; n < 50; n += 1) {
    later(137);
    await ask();
    expect(clock.aheadMs).toBe(0);
    expect(errorMs()).toBe(0);
  }
});

test.each([-3_600_000, -6_000, 6_000, 3_600_000])('one that is %d ms ahead is set right', async (aheadMs) => {
  const { ask, later, errorMs } = seen(aheadMs);
  expect(errorMs()).toBe(aheadMs);
  await ask();
  expect(Math.abs(errorMs())).toBeLessThanOrEqual(1_040);
  for (let n = 0; n < 50; n += 1) {
    later(1_371);
    await ask();
  }
  expect(Math.abs(errorMs())).toBeLessThanOrEqual(1_040);
});

test('an answer that took long, as over a sandbox that was frozen, takes nothing back', async () => {
  const { ask, errorMs } = seen(3_600_000);
  await ask();
  await ask(10 * 60_000);
  expect(Math.abs(errorMs())).toBeLessThanOrEqual(1_040);
});

test('what is no date says nothing', async () => {
  const clock = new StoreClock(() => NOON_MS);
  for (const date of [undefined, '', 'yesterday'])
    await clock.hear(
      async () => date,
      (said) => said,
    );
  expect(clock.aheadMs).toBeNull();
  expect(clock.now()).toBe(NOON_MS);
});

test('a question that fails fails', async () => {
  const clock = new StoreClock(() => NOON_MS);
  const failing = clock.hear(
    () => Promise.reject(new Error('no answer')),
    () => undefined,
  );
  await expect(failing).rejects.toThrow('no answer');
});
