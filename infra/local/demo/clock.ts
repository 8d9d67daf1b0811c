/** Milliseconds since 1970 with fractions: `Date.now()` is too coarse for what is measured here. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
