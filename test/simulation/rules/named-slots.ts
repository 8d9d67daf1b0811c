/** The slots of a table by the names of their servers. */

import { type Slot, type SlotTable, slotName } from '../../../lib/model/slot-table.ts';
import { targetOf } from '../haproxy-process.ts';

export interface NamedSlot {
  readonly name: string;
  readonly slot: Slot;
  /** `address:port`; null for a free one. */
  readonly target: string | null;
}

export function namedSlots(table: SlotTable | null, backend: string): readonly NamedSlot[] {
  const slots = table?.backends[backend];
  if (slots === undefined) return [];
  return slots.slots.map((slot, index) => ({
    name: slotName(slots, index + 1),
    slot,
    target: slot.state === 'free' ? null : targetOf(slot),
  }));
}

/** By `address:port`. */
export function servingTargets(table: SlotTable | null, backend: string): ReadonlyMap<string, NamedSlot> {
  return new Map(
    namedSlots(table, backend).flatMap((named) =>
      named.target !== null && named.slot.state === 'serving' ? [[named.target, named] as const] : [],
    ),
  );
}
