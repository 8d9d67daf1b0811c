/** How many servers of an instance stay exactly as they are. */

import { type SlotTable, slotName } from '../model/slot-table.ts';

interface Place {
  readonly backend: string;
  readonly slot: string;
}

interface Differences {
  readonly changes: readonly Place[];
  readonly operatorHeld: readonly Place[];
  /** As `backend/server`. */
  readonly missingSlots: readonly string[];
}

/** Counts the serving slots of `table` that `plan` neither changes nor misses and that no operator holds. */
export function countKept(table: SlotTable, plan: Differences): number {
  const touched = new Set([
    ...[...plan.changes, ...plan.operatorHeld].map(({ backend, slot }) => `${backend}/${slot}`),
    ...plan.missingSlots,
  ]);
  return Object.entries(table.backends)
    .flatMap(([backend, slots]) =>
      slots.slots.flatMap((slot, index) =>
        slot.state === 'serving' ? [`${backend}/${slotName(slots, index + 1)}`] : [],
      ),
    )
    .filter((name) => !touched.has(name)).length;
}
