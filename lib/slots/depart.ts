/**
 * Who leaves a serving slot, and who is withheld: rules 1 and 2.
 *
 * Rule 1: an answer without endpoints leaves a backend as it is, unless `allow_empty`. Rule 2: see guard.ts. Where there
 * is a guard, it also keeps whom Consul has told no result of a check for: until `hold` is over, that says nothing. And
 * a registration that turned unusable (port 0, a host name) is no departure: whoever had it stays, for as long as Consul
 * has it ready under the same id.
 */

import { endpointKey } from '../model/endpoint.ts';
import type { BackendPolicy } from '../model/fleet.ts';
import { registrationKey } from '../model/registration.ts';
import type { LeavingEndpoint, Reading } from '../model/service-entry.ts';
import {
  type Departure,
  type DrainingSlot,
  type FreeSlot,
  kindOf,
  type ServingSlot,
  type Slot,
  type Withheld,
} from '../model/slot-table.ts';
import { mayDepart } from './guard.ts';
import { freed, sameSlot } from './slot-states.ts';

export interface Moment {
  readonly reading: Reading;
  readonly policy: BackendPolicy;
  readonly nowMs: number;
}

/** Changes `slots`: lets go who may go, withholds the rest. Returns the departures that the guard has to remember. */
export function depart(
  slots: Slot[],
  { reading, policy, nowMs }: Moment,
  earlier: readonly Departure[],
): Departure[] {
  const missed = missedSlots(slots, reading);
  if (reading.endpoints.length === 0 && !policy.allowEmpty) {
    for (const { index, slot, because } of missed) {
      // What was released while Consul still had others is not the word to empty the backend.
      if (slot.withheld?.released === true) {
        if (slot.withheld.untilMs === null) slots[index] = leave(slot, because, policy, nowMs);
        continue;
      }
      const sinceMs = slot.withheld?.sinceMs ?? nowMs;
      slots[index] = withhold(slot, { kind: 'empty', sinceMs, untilMs: null, reason: EMPTY_ANSWER });
    }
    return [];
  }

  const unguarded = new Set(missed.flatMap((one) => (isOverdue(one, policy, nowMs) ? [one.index] : [])));
  // Whoever is withheld waits for `hold`, also after an answer without endpoints: a part of the truth often follows it.
  const guarded = policy.keep > 0 && policy.holdMs > 0;
  const mustWait = ({ slot: { withheld }, because }: Missed) =>
    because === 'unchecked' || because === 'unusable' || (withheld !== null && counts(withheld));
  const candidates = missed
    .filter((one) => !unguarded.has(one.index) && !(guarded && mustWait(one)))
    // Whom Consul names as not ready goes before whom it merely does not mention.
    .sort((one, other) => Number(one.because === 'deregistered') - Number(other.because === 'deregistered'))
    .map(({ index, slot }) => ({ slot: index, servedSinceMs: slot.sinceMs }));
  const servingSinceMs = slots.flatMap((slot) => (slot.state === 'serving' ? [slot.sinceMs] : []));
  const allowed = mayDepart(candidates, servingSinceMs, earlier, policy, nowMs);

  for (const one of missed) {
    const { index, slot, because } = one;
    if (allowed.has(index) || unguarded.has(index)) {
      slots[index] = leave(slot, because, policy, nowMs);
    } else {
      slots[index] = withhold(slot, withheldNow(one, policy, nowMs));
    }
  }
  return candidates
    .filter(({ slot }) => allowed.has(slot))
    .map(({ servedSinceMs }) => ({ atMs: nowMs, servedSinceMs }));
}

const EMPTY_ANSWER = 'Consul has no endpoint for this backend at all, and allow_empty is off';
const UNCHECKED = 'critical, but Consul has told no result of its checks since its agent started';
const AFTER_EMPTY = 'Consul had no endpoint at all a moment ago';

type Because = LeavingEndpoint['because'] | 'deregistered' | 'unusable';

interface Missed {
  readonly index: number;
  readonly slot: ServingSlot;
  readonly because: Because;
  /** With `unusable`: why it cannot be used. */
  readonly reason?: string;
}

/** The serving slots whose endpoint is not ready any more, and why. */
function missedSlots(slots: readonly Slot[], reading: Reading): Missed[] {
  const ready = new Set(reading.endpoints.map(endpointKey));
  const leaving = new Map(reading.leaving.map((endpoint) => [endpointKey(endpoint), endpoint.because]));
  const unusable = new Map(reading.unusable.map((one) => [registrationKey(one), one.reason]));
  return slots.flatMap((slot, index): Missed[] => {
    if (slot.state !== 'serving' || ready.has(endpointKey(slot))) return [];
    const because = leaving.get(endpointKey(slot));
    if (because !== undefined) return [{ index, slot, because }];
    const reason = slot.registration && unusable.get(registrationKey(slot.registration));
    return [
      reason === undefined
        ? { index, slot, because: 'deregistered' }
        : { index, slot, because: 'unusable', reason },
    ];
  });
}

function withheldNow({ slot, because, reason }: Missed, policy: BackendPolicy, nowMs: number): Withheld {
  const { withheld } = slot;
  if (because === 'unusable') {
    const sinceMs = withheld !== null && kindOf(withheld) === 'unusable' ? withheld.sinceMs : nowMs;
    const { node, id } = slot.registration ?? { node: '', id: '' };
    const named = `Consul has ${id} on ${node} ready, but its registration cannot be used: ${reason}`;
    return { kind: 'unusable', sinceMs, untilMs: null, reason: named };
  }
  const sinceMs = missedSinceMs(slot, nowMs);
  const until = { sinceMs, untilMs: sinceMs + policy.holdMs };
  return because === 'unchecked'
    ? { kind: 'unchecked', ...until, reason: UNCHECKED }
    : { kind: 'guard', ...until, reason: `${because}, but ${whyWithheld(slot, policy)}` };
}

function whyWithheld({ withheld }: ServingSlot, { keep }: BackendPolicy): string {
  if (withheld !== null && (kindOf(withheld) === 'empty' || withheld.reason.endsWith(AFTER_EMPTY)))
    return AFTER_EMPTY;
  return `more than ${Math.round((1 - keep) * 100)} % would be gone within hold`;
}

/** An answer with nobody ready says nothing about one endpoint, and one that has it ready does not miss it. */
function missedSinceMs({ withheld }: ServingSlot, nowMs: number): number {
  const kind = withheld === null ? null : kindOf(withheld);
  return withheld === null || kind === 'empty' || kind === 'unusable' ? nowMs : withheld.sinceMs;
}

/** Released by an operator, or missed by every reading for `hold`. */
function isOverdue({ slot, because }: Missed, policy: BackendPolicy, nowMs: number): boolean {
  if (slot.withheld === null) return false;
  if (slot.withheld.released === true) return true;
  return because !== 'unusable' && missedSinceMs(slot, nowMs) + policy.holdMs <= nowMs;
}

/** What the guard keeps waits for `hold`; what was kept for another reason is a departure like any other. */
function counts(withheld: Withheld): boolean {
  const kind = kindOf(withheld);
  return kind === 'guard' || kind === 'empty';
}

function withhold(slot: ServingSlot, withheld: Withheld): ServingSlot {
  const next = { ...slot, withheld };
  return sameSlot(slot, next) ? slot : next;
}

function leave(
  slot: ServingSlot,
  because: Because,
  policy: BackendPolicy,
  nowMs: number,
): DrainingSlot | FreeSlot {
  if (because === 'critical' || because === 'unchecked' || policy.drainMs === 0) return freed(slot, nowMs);
  const { address, port, weight } = slot;
  return { state: 'draining', address, port, weight, sinceMs: nowMs, untilMs: nowMs + policy.drainMs };
}
