/**
 * A backend that nobody lists any more is taken out of service, because an operator said so: `hitless forget --park`.
 *
 * All of its endpoints leave, so there is nobody to keep it for; but what is a mistake, or a name that was mistyped,
 * must not cost every server at once. So `keep` of those that served when it began stay for `hold`, as when they
 * disappear from Consul. They drain and are parked like any other.
 */

import type { BackendPolicy } from '../model/fleet.ts';
import type { BackendSlots, ServingSlot, Slot } from '../model/slot-table.ts';
import { freed } from './slot-states.ts';

/**
 * @param slots whose `parkingSinceMs` says when it began.
 * @returns `slots` itself when nothing is due.
 */
export function parkSlots(slots: BackendSlots, policy: BackendPolicy, nowMs: number): BackendSlots {
  const { parkingSinceMs } = slots;
  if (parkingSinceMs === undefined) return slots;
  const ended = slots.slots.map((slot) =>
    slot.state === 'draining' && slot.untilMs <= nowMs ? freed(slot, nowMs) : slot,
  );
  const serving = ended.flatMap((slot, index) => (slot.state === 'serving' ? [index] : []));
  const guarded = policy.holdMs > 0 && nowMs < parkingSinceMs + policy.holdMs;
  const keep = guarded ? keptOf(slots, policy) : 0;
  const untilMs = parkingSinceMs + policy.holdMs;
  const going = new Set(serving.slice(0, Math.max(0, serving.length - keep)));
  const next = ended.map((slot, index) => {
    if (slot.state !== 'serving') return slot;
    return going.has(index) ? leave(slot, policy, nowMs) : stay(slot, parkingSinceMs, untilMs);
  });
  return next.every((slot, index) => slot === slots.slots[index]) ? slots : { ...slots, slots: next };
}

/** How many of those that served when it began stay for `hold`; whoever left since then left after it began. */
function keptOf({ slots, parkingSinceMs = 0 }: BackendSlots, { keep }: BackendPolicy): number {
  const served = slots.filter(
    (slot) =>
      slot.state === 'serving' ||
      (slot.state === 'draining' && slot.sinceMs >= parkingSinceMs) ||
      (slot.state === 'free' && slot.freedAtMs >= parkingSinceMs),
  );
  // A thousandth of a server: 0.1 * 30 is a little more than 3 in binary.
  return Math.ceil(keep * served.length - 0.001);
}

function leave(slot: ServingSlot, { drainMs }: BackendPolicy, nowMs: number): Slot {
  if (drainMs === 0) return freed(slot, nowMs);
  const { state: _, sinceMs: __, withheld: ___, ...endpoint } = slot;
  return { state: 'draining', ...endpoint, sinceMs: nowMs, untilMs: nowMs + drainMs };
}

const REASON = 'the backend is being parked, and `keep` of its servers stay for `hold`';

function stay(slot: ServingSlot, sinceMs: number, untilMs: number): ServingSlot {
  if (slot.withheld?.reason === REASON && slot.withheld.sinceMs === sinceMs) return slot;
  return { ...slot, withheld: { sinceMs, untilMs, reason: REASON } };
}
