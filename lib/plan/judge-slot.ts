/**
 * One slot: what the table wants against what one instance shows.
 *
 * Weight 0 is our mark. A server gets weight 0 before its address is set and keeps it until it is ready and verified,
 * and it gets weight 0 before we drain it or take it out; so a server at its own endpoint's address that is in drain
 * or maint with a real weight was put there by an operator (measured: the weight survives maint, addr and ready on
 * 2.2, 2.6, 3.0 and 3.2, and nothing else in `show servers state` tells the two apart).
 *
 * | table    | address    | admin state    | weight | verdict                                    |
 * | -------- | ---------- | -------------- | ------ | ------------------------------------------ |
 * | serving  | its own    | ready          | right  | settled                                    |
 * | serving  | its own    | ready          | other  | weight                                     |
 * | serving  | its own    | drain or maint | real   | held by an operator                        |
 * | serving  | its own    | drain or maint | 0      | ready (our own unfinished work)            |
 * | serving  | another    | maint          | any    | add                                        |
 * | serving  | another    | ready or drain | any    | replace                                    |
 * | draining | its own    | drain          | 0      | settled, or remove when no session is left |
 * | draining | its own    | otherwise live |        | drain                                      |
 * | draining | any        | maint          | any    | park, settled at the placeholder           |
 * | free     | any        | ready or drain | any    | remove                                     |
 * | free     | any        | maint          | any    | park, settled at the placeholder           |
 * | surplus  | parked     | maint          |        | delete when no session is left             |
 */

import { type AdminState, inheritedMaintenance } from '../model/admin-state.ts';
import { type EndpointAddress, sameEndpoint } from '../model/endpoint.ts';
import type { ObservedServer } from '../model/observed.ts';
import type { Slot } from '../model/slot-table.ts';

export type Verdict =
  | { readonly kind: 'settled' }
  | { readonly kind: 'held'; readonly endpoint: EndpointAddress; readonly state: 'drain' | 'maint' }
  | { readonly kind: 'blocked'; readonly reason: string }
  | {
      readonly kind: 'add' | 'replace' | 'ready';
      readonly endpoint: EndpointAddress;
      readonly weight: number;
      /** Where it ends: ready, or as an operator held the endpoint before HAProxy started anew. */
      readonly state: AdminState;
    }
  | { readonly kind: 'weight'; readonly endpoint: EndpointAddress; readonly weight: number }
  | { readonly kind: 'drain'; readonly endpoint: EndpointAddress }
  | { readonly kind: 'restore'; readonly endpoint: EndpointAddress; readonly state: 'drain' | 'maint' }
  | { readonly kind: 'remove' | 'park' | 'delete'; readonly endpoint: EndpointAddress };

/** What holds for every slot of a backend on this instance. */
export interface SlotRules {
  /** Where a slot is parked. */
  readonly placeholder: EndpointAddress;
  /** The weight of a slot that the table gives no weight, and of a parked one. */
  readonly standardWeight: number;
  /** Addresses at which several unmarked servers stand in maint: a server-template put them there, no operator. */
  readonly isTemplateAddress: (endpoint: EndpointAddress) => boolean;
}

export interface SlotMemory {
  /** The state in which an operator held this slot's endpoint when an earlier process of this instance was seen. */
  readonly heldBefore: 'drain' | 'maint' | null;
  /** Nobody is connected any more. False when unknown. */
  readonly idle: boolean;
  /** The slot is free, and its server was added to the process beyond what `slots` declares. */
  readonly surplus: boolean;
}

export function judgeSlot(slot: Slot, seen: ObservedServer, rules: SlotRules, memory: SlotMemory): Verdict {
  const inherited = inheritedMaintenance(seen.adminMask);
  if (inherited !== undefined) {
    const cause = inherited === 'track' ? 'the server it tracks' : 'its DNS resolution';
    return {
      kind: 'blocked',
      reason: `in maintenance through ${cause}; a managed slot needs an address of its own`,
    };
  }
  if (slot.state === 'serving') return judgeServing(slot, seen, rules, memory);
  if (slot.state === 'draining' && seen.admin !== 'maint' && sameEndpoint(slot, seen)) {
    if (seen.admin === 'drain' && seen.weight === 0)
      return memory.idle ? { kind: 'remove', endpoint: seen } : SETTLED;
    return { kind: 'drain', endpoint: slot };
  }
  if (seen.admin !== 'maint') return { kind: 'remove', endpoint: seen };
  const parked = sameEndpoint(seen, rules.placeholder) && seen.weight === rules.standardWeight;
  if (!parked) return { kind: 'park', endpoint: seen };
  return memory.surplus && memory.idle ? { kind: 'delete', endpoint: seen } : SETTLED;
}

const SETTLED: Verdict = { kind: 'settled' };

function judgeServing(
  slot: Slot & { state: 'serving' },
  seen: ObservedServer,
  rules: SlotRules,
  memory: SlotMemory,
): Verdict {
  const endpoint: EndpointAddress = { address: slot.address, port: slot.port };
  const weight = slot.weight ?? rules.standardWeight;
  const state = memory.heldBefore ?? 'ready';
  if (!sameEndpoint(slot, seen))
    return { kind: seen.admin === 'maint' ? 'add' : 'replace', endpoint, weight, state };
  if (seen.admin === 'ready') {
    // At weight 0 it is our own half-done work, and in drain it would still look like that.
    if (memory.heldBefore !== null && seen.weight === 0) return { kind: 'ready', endpoint, weight, state };
    if (memory.heldBefore !== null) return { kind: 'restore', endpoint, state: memory.heldBefore };
    return seen.weight === weight ? SETTLED : { kind: 'weight', endpoint, weight };
  }
  const byOperator = seen.weight !== 0 && !(seen.admin === 'maint' && rules.isTemplateAddress(endpoint));
  if (byOperator) return { kind: 'held', endpoint, state: seen.admin };
  return { kind: 'ready', endpoint, weight, state };
}
