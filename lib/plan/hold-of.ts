/**
 * Whether an operator holds a server, and whether that can be seen.
 *
 * | the server shows                            | and the reports                     | an operator         |
 * | ------------------------------------------- | ----------------------------------- | ------------------- |
 * | ready                                       | name it held on this process        | ended it            |
 * | ready                                       | name it held on an earlier process  | holds it, unseen    |
 * | its own address, drain or maint, real weight | name it held                       | holds it, seen      |
 * | the same, the slot serves                   | have verified it since it came      | holds it, seen      |
 * | the same, the slot serves                   | have not                            | does not: our own unfinished work |
 * | the same, the slot drains or is free        |                                     | holds it, seen: we take out at weight 0 |
 * | the same, and this pass gave it that weight  | do not name it held                | does not: another pass took it out meanwhile |
 * | anything else                               | name it held                        | holds it, unseen    |
 *
 * A hold lasts as long as its endpoint is registered, whatever its health: while the slot drains or is free it is
 * remembered, and whoever comes back to it is held again.
 */

import { type EndpointAddress, sameEndpoint } from '../model/endpoint.ts';
import type { ObservedServer } from '../model/observed.ts';
import { type Slot, stayOf } from '../model/slot-table.ts';

export interface Hold {
  readonly state: 'drain' | 'maint';
  /** The server is in that state, by an operator's hand; false: it is to be, once the slot serves. */
  readonly seen: boolean;
}

/** What reports say of the slot's present stay. */
export interface Remembered {
  /** Null: they do not name it held. `here`: on the process that answers now. */
  readonly held: { readonly state: Hold['state']; readonly here: boolean } | null;
  /** It has been in rotation since its stay began. */
  readonly verified: boolean;
  /** Its weight is the one that this pass gave it, and it was out of rotation by then. */
  readonly ownWeight: boolean;
}

export interface TemplateAddresses {
  /** Addresses at which several unmarked servers stand in maint: a server-template put them there, no operator. */
  readonly isTemplateAddress: (endpoint: EndpointAddress) => boolean;
}

/** Null: no operator holds it, or its endpoint is not registered any more. */
export function holdOf(
  slot: Slot,
  seen: ObservedServer,
  { isTemplateAddress }: TemplateAddresses,
  { held, verified, ownWeight }: Remembered,
): Hold | null {
  if (stayOf(slot) === null) return null;
  const tenant = slot.state === 'free' ? slot.last : slot;
  const own = tenant !== null && sameEndpoint(tenant, seen);
  const unseen = held === null ? null : { state: held.state, seen: false };
  if (seen.admin === 'ready') {
    // A serving slot at another address is being brought to its own.
    const ended = held?.here === true && (own || slot.state !== 'serving');
    return ended ? null : unseen;
  }
  const byHand = own && seen.weight !== 0 && !(seen.admin === 'maint' && isTemplateAddress(seen));
  if (!byHand) return unseen;
  const known = held !== null || (slot.state === 'serving' ? verified : !ownWeight);
  return known ? { state: seen.admin, seen: true } : null;
}
