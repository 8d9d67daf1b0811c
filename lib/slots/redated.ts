/**
 * A table that a machine with a fast clock has made, for one whose clock is right: what began in the future began now.
 *
 * Where the store has a clock of its own no such table comes about, but `file:` has only its machine's, and that can be
 * set back. Left alone, a drain or a hold would last longer by as much. Since when an endpoint serves is never changed: by
 * that its stay is known, and what an operator did to it.
 */

import type { BackendSlots, Departure, Slot } from '../model/slot-table.ts';

/** Two clocks that are this close are one. */
const SAME_MS = 5_000;

/** Returns `slots` itself where nothing is of the future. */
export function redated(backend: BackendSlots, nowMs: number): BackendSlots {
  const isAhead = (ms: number) => ms > nowMs + SAME_MS;
  const slots = backend.slots.map((slot) => withTimes(slot, nowMs, isAhead));
  const departures = backend.departures.map(
    (departure): Departure => (isAhead(departure.atMs) ? { ...departure, atMs: nowMs } : departure),
  );
  const isSame =
    slots.every((slot, index) => slot === backend.slots[index]) &&
    departures.every((departure, index) => departure === backend.departures[index]);
  return isSame ? backend : { ...backend, slots, departures };
}

function withTimes(slot: Slot, nowMs: number, isAhead: (ms: number) => boolean): Slot {
  if (slot.state === 'draining' && isAhead(slot.sinceMs)) {
    return { ...slot, sinceMs: nowMs, untilMs: nowMs + slot.untilMs - slot.sinceMs };
  }
  if (slot.state !== 'serving' || slot.withheld === null || !isAhead(slot.withheld.sinceMs)) return slot;
  const { sinceMs, untilMs } = slot.withheld;
  const end = untilMs === null ? null : nowMs + untilMs - sinceMs;
  return { ...slot, withheld: { ...slot.withheld, sinceMs: nowMs, untilMs: end } };
}
