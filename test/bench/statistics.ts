/** Numbers out of many numbers. */

/** @returns NaN for no numbers. */
export function median(numbers: readonly number[]): number {
  return quantile(numbers, 0.5);
}

/**
 * The smallest number that at least this share of the numbers does not exceed; the median of an even count is the mean
 * of the two in the middle.
 *
 * @param share from 0 to 1. @returns NaN for no numbers.
 */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((one, other) => one - other);
  const at = share * sorted.length;
  if (share === 0.5 && sorted.length > 0 && sorted.length % 2 === 0) {
    return ((sorted[at - 1] ?? Number.NaN) + (sorted[at] ?? Number.NaN)) / 2;
  }
  return sorted[Math.max(0, Math.ceil(at) - 1)] ?? Number.NaN;
}

export function mean(numbers: readonly number[]): number {
  return sum(numbers) / numbers.length;
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** How long `work` takes, in milliseconds. */
export async function timed(work: () => unknown): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}
