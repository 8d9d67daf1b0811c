/**
 * How long ago something was. A sandbox that is frozen between two events, or a machine that sleeps, stops the clock
 * that only goes forward; setting the time moves the other one. So of both the longer time counts: to look once more
 * costs little.
 */

export interface Moment {
  /** Milliseconds since 1970. */
  readonly wallMs: number;
  /** Of the clock that only goes forward. */
  readonly steadyMs: number;
}

export function momentNow(now: () => number): Moment {
  return { wallMs: now(), steadyMs: performance.now() };
}

/** Milliseconds, never negative. */
export function ageMs({ wallMs, steadyMs }: Moment, now: () => number): number {
  return Math.max(0, now() - wallMs, performance.now() - steadyMs);
}
