/**
 * Rule 2: no mass removal on one observation.
 *
 * Within any window of `hold`, at most `1 - keep` of the endpoints that served when the window began may go. Consul
 * answers `[]` or a part of the truth after its servers or agents restart (measured with 1.8.7), and repeated passes
 * must not erode what one pass may not take; so every window that ends now is looked at, not only the last pass.
 */

import type { Departure } from '../model/slot-table.ts';

/** A serving endpoint that Consul no longer has ready. */
export interface Candidate {
  readonly slot: number;
  readonly servedSinceMs: number;
}

export interface GuardPolicy {
  /** 0 to 1; 0 lets everything go. */
  readonly keep: number;
  /** 0 lets everything go. */
  readonly holdMs: number;
}

/** One window, from `beganMs` until now. */
interface Window {
  readonly beganMs: number;
  readonly limit: number;
  gone: number;
}

/**
 * Which candidates may go now, taken in the order given.
 *
 * @param servingSinceMs of every endpoint that serves now, the candidates included.
 * @param departures earlier ones; those older than `hold` do not count.
 */
export function mayDepart(
  candidates: readonly Candidate[],
  servingSinceMs: readonly number[],
  departures: readonly Departure[],
  policy: GuardPolicy,
  nowMs: number,
): ReadonlySet<number> {
  if (policy.keep === 0 || policy.holdMs === 0) return new Set(candidates.map((candidate) => candidate.slot));
  const windows = openWindows(servingSinceMs, departures, policy, nowMs);
  const allowed = new Set<number>();
  for (const candidate of candidates) {
    const concerned = windows.filter((window) => candidate.servedSinceMs <= window.beganMs);
    if (concerned.some((window) => window.gone + 1 > window.limit)) continue;
    for (const window of concerned) window.gone += 1;
    allowed.add(candidate.slot);
  }
  return allowed;
}

/** The departures that a guard may still have to count at `nowMs`. */
export function recentDepartures(
  departures: readonly Departure[],
  holdMs: number,
  nowMs: number,
): Departure[] {
  return departures.filter((departure) => departure.atMs > nowMs - holdMs);
}

/** Who served changes only at an arrival or a departure, so these moments are the only beginnings to look at. */
function openWindows(
  servingSinceMs: readonly number[],
  departures: readonly Departure[],
  policy: GuardPolicy,
  nowMs: number,
): Window[] {
  const oldestMs = nowMs - policy.holdMs;
  const recent = recentDepartures(departures, policy.holdMs, nowMs);
  const moments = [
    ...servingSinceMs,
    ...recent.flatMap((departure) => [departure.servedSinceMs, departure.atMs]),
  ].filter((ms) => ms > oldestMs && ms < nowMs);
  return [...new Set([oldestMs, ...moments, nowMs])].map((beganMs) => {
    const gone = recent.filter((one) => one.servedSinceMs <= beganMs && one.atMs > beganMs).length;
    const served = gone + servingSinceMs.filter((ms) => ms <= beganMs).length;
    // A thousandth of a server: 1 - 0.9 is a little less than 0.1 in binary.
    return { beganMs, gone, limit: Math.floor((1 - policy.keep) * served + 0.001) };
  });
}
