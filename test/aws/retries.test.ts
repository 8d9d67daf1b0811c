import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { retriesFor } from '../../lib/aws/retries.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/**
 * When the attempts of a request begin that fails each time after `attemptMs`, counted from the first; the chances are
 * those of `Math.random`.
 */
async function attempts(forMs: number, attemptMs: number, random: number): Promise<number[]> {
  vi.spyOn(Math, 'random').mockReturnValue(random);
  const strategy = retriesFor(forMs);
  const startMs = performance.now();
  const began = [0];
  let token = await strategy.acquireInitialRetryToken('');
  for (;;) {
    vi.advanceTimersByTime(attemptMs);
    try {
      token = await strategy.refreshRetryTokenForRetry(token, { errorType: 'TRANSIENT' });
    } catch {
      return began;
    }
    vi.advanceTimersByTime(Math.ceil(token.getRetryDelay()));
    began.push(Math.round(performance.now() - startMs));
  }
}

describe('a request that fails at once', () => {
  test.each([
    0, 0.5, 0.999,
  ])('is sent a last time when its time is over, whatever the chances (%f)', async (random) => {
    const began = await attempts(3_000, 0, random);
    expect(began.at(-1)).toBeGreaterThanOrEqual(3_000);
    expect(began.at(-1)).toBeLessThan(3_010);
    expect(began.length).toBeLessThan(12);
  });

  test('is sent again soon, then with pauses that double up to a second', async () => {
    const began = await attempts(5_000, 0, 0.9999);
    const pauses = began.slice(1).map((at, index) => at - (began[index] ?? 0));
    expect(pauses.slice(0, 6)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });
});

test('a request that is never answered is given up after its time and one attempt', async () => {
  expect(await attempts(3_000, 2_000, 0)).toEqual([0, 2_050]);
});

test('two requests do not wait equally long', async () => {
  expect(await attempts(3_000, 0, 0)).not.toEqual(await attempts(3_000, 0, 0.9));
});

test.each(['CLIENT_ERROR', 'SERVER_ERROR'] as const)('%s is not sent again', async (errorType) => {
  const strategy = retriesFor(3_000);
  const token = await strategy.acquireInitialRetryToken('');
  await expect(strategy.refreshRetryTokenForRetry(token, { errorType })).rejects.toThrow();
});

test('that requests failed before takes nothing from the next one', async () => {
  const strategy = retriesFor(1_000);
  for (let count = 0; count < 200; count += 1) {
    const token = await strategy.acquireInitialRetryToken('');
    await expect(
      strategy.refreshRetryTokenForRetry(token, { errorType: 'THROTTLING' }),
    ).resolves.toBeDefined();
  }
});
