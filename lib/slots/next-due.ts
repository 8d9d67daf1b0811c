/** When a fleet needs a pass although nobody says anything: a drain ends, or a `hold` does. */

import type { Slot, SlotTable } from '../model/slot-table.ts';

/**
 * @returns the earliest moment after `nowMs`, in milliseconds since 1970; null: nothing is due. What was due before was
 *   due at an earlier pass, and the scheduled ones go on with it: a moment is asked for once.
 */
export function nextDue({ backends }: Pick<SlotTable, 'backends'>, nowMs: number): number | null {
  const due = Object.values(backends)
    .flatMap(({ slots }) => slots.flatMap(endOf))
    .filter((atMs) => atMs > nowMs);
  return due.length === 0 ? null : due.reduce((first, atMs) => Math.min(first, atMs));
}

function endOf(slot: Slot): number[] {
  if (slot.state === 'draining') return [slot.untilMs];
  if (slot.state !== 'serving' || slot.withheld === null || slot.withheld.untilMs === null) return [];
  return [slot.withheld.untilMs];
}
