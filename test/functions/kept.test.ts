import { expect, test } from 'vitest';
import { kept } from '../../functions/kept.ts';

/** Reads 1, 2, 3, … unless told to fail; a value is old after 100 ms, and failures rest for 10 ms. */
function counter() {
  const state = { nowMs: 1_000, reads: 0, failing: false, stale: 0 };
  const read = async () => {
    state.reads += 1;
    if (state.failing) throw new Error(`failure ${state.reads}`);
    return state.reads;
  };
  const get = kept(read, {
    maxAgeMs: 100,
    retryMs: 10,
    now: () => state.nowMs,
    onStale: () => {
      state.stale += 1;
    },
  });
  return { state, get };
}

test('a value is read once until it is old, also for those who ask at the same time', async () => {
  const { state, get } = counter();
  expect(await Promise.all([get(), get()])).toEqual([1, 1]);
  state.nowMs += 99;
  expect(await get()).toBe(1);
  state.nowMs += 1;
  expect(await Promise.all([get(), get()])).toEqual([2, 2]);
});

test('a value that cannot be read anew stays in use, and is tried again only now and then', async () => {
  const { state, get } = counter();
  await get();
  state.nowMs += 100;
  state.failing = true;
  for (let count = 0; count < 50; count += 1) expect(await get()).toBe(1);
  expect(state).toMatchObject({ reads: 2, stale: 1 });
  state.nowMs += 10;
  state.failing = false;
  expect(await get()).toBe(3);
});

test('without a first value the failure is told again, without reading, until it has rested', async () => {
  const { state, get } = counter();
  state.failing = true;
  for (let count = 0; count < 50; count += 1) await expect(get()).rejects.toThrow('failure 1');
  expect(state).toMatchObject({ reads: 1, stale: 0 });
  state.nowMs += 10;
  await expect(get()).rejects.toThrow('failure 2');
  state.nowMs += 10;
  state.failing = false;
  expect(await get()).toBe(3);
});
