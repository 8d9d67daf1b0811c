/** An operator lets go what the guard withholds in one backend. */

import { type BackendSlots, kindOf, type ServingSlot } from '../model/slot-table.ts';

export interface Release {
  /** `slots` itself when there is nothing to release. */
  readonly slots: BackendSlots;
  /** Numbers of the slots that this release marked. */
  readonly released: readonly number[];
  /** Numbers of the slots that stay withheld: Consul has no endpoint at all, and `empty` was not said. */
  readonly staying: readonly number[];
}

/**
 * Marks what is withheld; the next assignment lets it go, unless Consul has it ready again by then. A slot that is
 * marked already is in neither list.
 *
 * @param empty also what is withheld because Consul answered with no endpoint at all. Taken apart because it leaves
 *   the backend without a server: rule 1 is not to be broken by a word that was meant for rule 2.
 */
export function releaseWithheld(slots: BackendSlots, { empty }: { readonly empty: boolean }): Release {
  const withheld = slots.slots.flatMap((slot, index) =>
    slot.state === 'serving' && slot.withheld !== null && slot.withheld.released !== true
      ? [{ number: index + 1, slot: marked(slot), emptied: kindOf(slot.withheld) === 'empty' }]
      : [],
  );
  const going = new Map(
    withheld.flatMap(({ number, slot, emptied }) => (emptied && !empty ? [] : [[number, slot]])),
  );
  return {
    slots:
      going.size === 0
        ? slots
        : { ...slots, slots: slots.slots.map((slot, index) => going.get(index + 1) ?? slot) },
    released: [...going.keys()],
    staying: withheld.flatMap(({ number }) => (going.has(number) ? [] : [number])),
  };
}

function marked(slot: ServingSlot): ServingSlot {
  return slot.withheld === null ? slot : { ...slot, withheld: { ...slot.withheld, released: true } };
}
