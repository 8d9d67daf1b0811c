import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { before, invocationTimes } from '../../functions/invocation-times.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test.each([
  { remainingMs: 30_000, workMs: 25_000, answerMs: 29_000, what: "the worker's own" },
  { remainingMs: 5_000, workMs: 3_000, answerMs: 4_000, what: 'a short timeout' },
  { remainingMs: 500, workMs: 0, answerMs: 0, what: 'hardly any' },
])('$what: of $remainingMs ms work has $workMs, and all is over after $answerMs', ({
  remainingMs,
  workMs,
  answerMs,
}) => {
  const timeout = vi.spyOn(AbortSignal, 'timeout');
  invocationTimes(remainingMs);
  expect(timeout.mock.calls).toEqual([[workMs], [answerMs]]);
  timeout.mockRestore();
});

test('what is not done at the end is not waited for', async () => {
  const end = new AbortController();
  const hangs = before(end.signal, new Promise(() => undefined));
  end.abort();
  await expect(hangs).rejects.toThrow("not done within the function's timeout");
  await expect(before(end.signal, new Promise(() => undefined))).rejects.toThrow();
});

test('what is done before, or fails before, is its own', async () => {
  const { signal } = new AbortController();
  await expect(before(signal, Promise.resolve('done'))).resolves.toBe('done');
  await expect(before(signal, Promise.reject(new Error('no')))).rejects.toThrow('no');
});
