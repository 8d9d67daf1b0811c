/**
 * One slot: what the table wants against what one instance shows.
 *
 * Weight 0 is our mark. A server gets weight 0 before its address is set and keeps it until it is ready and verified,
 * and it gets weight 0 before and after we drain it or take it out. A mark alone does not tell our work from an
 * operator's when passes interleave, so on a serving slot drain or maint with a real weight is an operator's only if a
 * report names it held, or has verified the slot in rotation since its stay began; see hold-of.ts.
 *
 * | table    | address    | admin state    | weight | verdict                                        |
 * | -------- | ---------- | -------------- | ------ | ---------------------------------------------- |
 * | serving  | its own    | ready          | right  | settled                                        |
 * | serving  | its own    | ready          | other  | weight                                         |
 * | serving  | its own    | ready          |        | restore, if held on an earlier process         |
 * | serving  | its own    | drain or maint | real   | held by an operator, or ready (our own work)   |
 * | serving  | its own    | drain or maint | 0      | ready (our own unfinished work)                |
 * | serving  | another    | maint          | any    | add                                            |
 * | serving  | another    | ready or drain | any    | replace                                        |
 * | draining | its own    | drain          | 0      | settled, or remove when no session is left     |
 * | draining | its own    | otherwise live |        | drain                                          |
 * | draining | any        | maint          | any    | park, settled at the placeholder               |
 * | free     | any        | ready or drain | any    | remove                                         |
 * | free     | any        | maint          | any    | park, settled at the placeholder               |
 * | surplus  | parked     | maint          |        | delete when no session is left, if it can be   |
 */

import { type AdminState, inheritedMaintenance } from '../model/admin-state.ts';
import { type EndpointAddress, sameEndpoint } from '../model/endpoint.ts';
import type { ObservedServer } from '../model/observed.ts';
import type { ServingSlot, Slot } from '../model/slot-table.ts';
import type { Hold, TemplateAddresses } from './hold-of.ts';

export type Verdict =
  | { readonly kind: 'settled' }
  | { readonly kind: 'held' }
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
export interface SlotRules extends TemplateAddresses {
  /** Where a slot is parked. */
  readonly placeholder: EndpointAddress;
  /** The weight of a slot that the table gives no weight, and of a parked one. */
  readonly standardWeight: number;
}

/** What else is known of one slot. */
export interface SlotFacts {
  /** Null: no operator holds it. */
  readonly hold: Hold | null;
  /** Nobody is connected any more. False when unknown. */
  readonly idle: boolean;
  /** The slot is free, its server was added to the process beyond what `slots` declares, and may be deleted. */
  readonly deletable: boolean;
}

export function judgeSlot(slot: Slot, seen: ObservedServer, rules: SlotRules, facts: SlotFacts): Verdict {
  const inherited = inheritedMaintenance(seen.adminMask);
  if (inherited !== undefined) {
    const cause = inherited === 'track' ? 'the server it tracks' : 'its DNS resolution';
    return {
      kind: 'blocked',
      reason: `in maintenance through ${cause}; a managed slot needs an address of its own`,
    };
  }
  if (slot.state === 'serving') return judgeServing(slot, seen, rules, facts.hold);
  if (slot.state === 'draining' && seen.admin !== 'maint' && sameEndpoint(slot, seen)) {
    const drains = seen.admin === 'drain' && seen.weight === 0;
    if (!drains) return { kind: 'drain', endpoint: slot };
    return facts.idle ? { kind: 'remove', endpoint: seen } : SETTLED;
  }
  if (seen.admin !== 'maint') return { kind: 'remove', endpoint: seen };
  if (!sameEndpoint(seen, rules.placeholder)) return { kind: 'park', endpoint: seen };
  return facts.deletable && facts.idle ? { kind: 'delete', endpoint: seen } : SETTLED;
}

const SETTLED: Verdict = { kind: 'settled' };

function judgeServing(slot: ServingSlot, seen: ObservedServer, rules: SlotRules, hold: Hold | null): Verdict {
  const endpoint: EndpointAddress = { address: slot.address, port: slot.port };
  const weight = slot.weight ?? rules.standardWeight;
  const state = hold?.state ?? 'ready';
  if (!sameEndpoint(slot, seen))
    return { kind: seen.admin === 'maint' ? 'add' : 'replace', endpoint, weight, state };
  if (seen.admin === 'ready') {
    if (hold === null) return seen.weight === weight ? SETTLED : { kind: 'weight', endpoint, weight };
    // At weight 0 it is our own half-done work, and in drain it would still look like that.
    return seen.weight === 0
      ? { kind: 'ready', endpoint, weight, state }
      : { kind: 'restore', endpoint, state: hold.state };
  }
  const asHeld = hold?.seen === true || (hold?.state === seen.admin && weight === 0);
  return asHeld ? { kind: 'held' } : { kind: 'ready', endpoint, weight, state };
}
