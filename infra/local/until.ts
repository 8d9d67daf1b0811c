/** Waiting for a condition instead of for a time. */

import { setTimeout as sleep } from 'node:timers/promises';

export interface UntilOptions {
  /** What is waited for, for the error: "Consul to elect a leader". */
  readonly what: string;
  /** Milliseconds; 20 seconds unless told. */
  readonly within?: number;
  /** Milliseconds between two attempts; 20 unless told. */
  readonly every?: number;
}

/**
 * Asks again and again until `condition` gives something other than undefined, null or false.
 * An error it throws counts as "not yet".
 *
 * @returns what `condition` gave.
 * @throws Error naming `what`, with the last error as its cause, when the time is over.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { what, within = 20_000, every = 20 }: UntilOptions,
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = performance.now() + within;
  let lastError: unknown;
  for (;;) {
    try {
      const answer = await condition();
      if (isThere(answer)) return answer;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() > deadline) {
      const why = lastError instanceof Error ? `: ${lastError.message}` : '';
      throw new Error(`waited ${within} ms in vain for ${what}${why}`, { cause: lastError });
    }
    await sleep(every);
  }
}

function isThere<T>(answer: T): answer is Exclude<T, undefined | null | false> {
  return answer !== undefined && answer !== null && answer !== false;
}
