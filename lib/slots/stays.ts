/**
 * Who stays in a slot, and since when: an endpoint's stay lasts until Consul does not have it registered any more, ready
 * or not. What an operator does to a server is about its stay; so is what passes have seen of it.
 */

import { endpointKey, sameEndpoint } from '../model/endpoint.ts';
import type { Reading } from '../model/service-entry.ts';
import { type BackendSlots, type Slot, stayOf } from '../model/slot-table.ts';

export interface StaysOf {
  /** Of the table that is being made. */
  readonly generation: number;
  /** The slots were found so at first contact. */
  readonly adopted: boolean;
}

/**
 * What was just assigned, with the stays of the table before. Returns `next` itself where nothing is to be added.
 *
 * A reading without any registration says nothing about one endpoint, so it ends no stay.
 */
export function keepStays(
  previous: BackendSlots | null,
  next: BackendSlots,
  reading: Reading,
  stays: StaysOf,
): BackendSlots {
  const registered = new Set([...reading.endpoints, ...reading.leaving].map(endpointKey));
  const isRegistered = (key: string) => registered.size === 0 || registered.has(key);
  const slots = next.slots.map((slot, index) =>
    withStay(slot, previous?.slots[index] ?? null, isRegistered, stays),
  );
  return slots.every((slot, index) => slot === next.slots[index]) ? next : { ...next, slots };
}

function withStay(
  slot: Slot,
  before: Slot | null,
  isRegistered: (key: string) => boolean,
  { generation, adopted }: StaysOf,
): Slot {
  const tenant = tenantOf(slot);
  if (tenant === null) return slot;
  const former = before === null ? null : tenantOf(before);
  const known = before !== null && former !== null && sameEndpoint(former, tenant) ? before : null;
  if (slot.state !== 'serving') {
    const stay = known === null || !isRegistered(endpointKey(tenant)) ? null : stayOf(known);
    if (slot.registeredSinceMs === (stay ?? undefined)) return slot;
    const { registeredSinceMs: _, ...ended } = slot;
    return stay === null ? ended : { ...ended, registeredSinceMs: stay };
  }
  if (known?.state === 'serving' && known.sinceMs === slot.sinceMs) {
    const { sinceGeneration, registeredSinceMs } = known;
    const isKept =
      slot.sinceGeneration === sinceGeneration &&
      slot.registeredSinceMs === registeredSinceMs &&
      slot.adopted === known.adopted;
    if (isKept) return slot;
    return {
      ...slot,
      ...(sinceGeneration !== undefined && { sinceGeneration }),
      ...(known.adopted && { adopted: known.adopted }),
      ...(registeredSinceMs !== undefined && { registeredSinceMs }),
    };
  }
  const stay = known === null ? null : stayOf(known);
  return {
    ...slot,
    sinceGeneration: generation,
    ...(adopted && known === null && { adopted: true as const }),
    ...(stay !== null && { registeredSinceMs: stay }),
  };
}

function tenantOf(slot: Slot) {
  return slot.state === 'free' ? slot.last : slot;
}
