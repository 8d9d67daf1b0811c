/** Which serving slots a look has found in rotation: what a later plan tells an operator's hand from our own by. */

import { sameEndpoint } from '../model/endpoint.ts';
import type { ObservedServer } from '../model/observed.ts';
import type { VerifiedSlots } from '../model/report.ts';
import { slotRanges } from '../model/slot-ranges.ts';
import { type ServingSlot, type SlotTable, slotName } from '../model/slot-table.ts';
import type { InstanceMemory } from './instance-memory.ts';

/** @param memory what was verified before stays so for as long as the stay lasts, held by an operator or not. */
export function verifiedSlots(
  table: SlotTable,
  servers: readonly ObservedServer[],
  memory: InstanceMemory,
): VerifiedSlots {
  const byBackend = Map.groupBy(servers, ({ backend }) => backend);
  const except = Object.entries(table.backends).flatMap(([backend, slots]) => {
    const byName = new Map((byBackend.get(backend) ?? []).map((seen) => [seen.server, seen]));
    const numbers = slots.slots.flatMap((slot, index) => {
      if (slot.state !== 'serving' || memory.isVerified(backend, index + 1, slot)) return [];
      const seen = byName.get(slotName(slots, index + 1));
      return seen !== undefined && isInRotation(slot, seen) ? [] : [index + 1];
    });
    return numbers.length === 0 ? [] : [{ backend, slots: slotRanges(numbers) }];
  });
  return { generation: table.generation, except };
}

/** A slot that the table gives weight 0 is as far in as it will be. */
function isInRotation(slot: ServingSlot, seen: ObservedServer): boolean {
  return seen.admin === 'ready' && sameEndpoint(slot, seen) && (seen.weight > 0 || slot.weight === 0);
}
