/**
 * What is known of slots, by backend and server name. Two lookups cost a third of making one key of two names, and a
 * pass over a thousand slots looks ten thousand times.
 */

import type { ObservedServer } from '../model/observed.ts';

/** Where a slot is. */
export interface SlotPlace {
  readonly backend: string;
  readonly slot: string;
}

export class BySlot<T> {
  readonly #backends = new Map<string, Map<string, T>>();

  get({ backend, slot }: SlotPlace): T | undefined {
    return this.#backends.get(backend)?.get(slot);
  }

  has({ backend, slot }: SlotPlace): boolean {
    return this.#backends.get(backend)?.has(slot) === true;
  }

  set({ backend, slot }: SlotPlace, value: T): void {
    const slots = this.#backends.get(backend);
    if (slots === undefined) this.#backends.set(backend, new Map([[slot, value]]));
    else slots.set(slot, value);
  }

  values(): T[] {
    return [...this.#backends.values()].flatMap((slots) => [...slots.values()]);
  }
}

export function observedBySlot(servers: readonly ObservedServer[]): BySlot<ObservedServer> {
  const bySlot = new BySlot<ObservedServer>();
  for (const seen of servers) bySlot.set({ backend: seen.backend, slot: seen.server }, seen);
  return bySlot;
}
