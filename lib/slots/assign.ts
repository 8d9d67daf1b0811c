/**
 * The slot table's next state: previous table + what Consul says + policy → table.
 *
 * | endpoint was in a slot | Consul now                | next                                                  |
 * | ---------------------- | ------------------------- | ----------------------------------------------------- |
 * | serving                | ready                     | serves on, in the same slot                           |
 * | serving                | nothing at all            | serves on, withheld (rule 1), unless `allow_empty`    |
 * | serving                | gone, guard says no       | serves on, withheld (rule 2) until `hold` has passed  |
 * | serving, released      | gone                      | as below, whatever the guard says                     |
 * | serving                | critical                  | free at once                                          |
 * | serving                | unchecked                 | serves on, withheld until `hold` has passed, then free |
 * | serving                | ready, and not usable     | serves on, withheld for as long as that is so         |
 * | serving                | gone in any other way     | draining for `drain`, then free                       |
 * | draining               | ready                     | serves again, in the same slot                        |
 * | draining               | critical                  | free at once                                          |
 * | free, last had it      | ready                     | serves again, in the same slot                        |
 * | no slot                | ready                     | the slot that has been free longest, its last tenant deregistered; else the table grows |
 *
 * Same input, same table: neither the order of the endpoints nor the number of passes in between matters.
 */

import { type Endpoint, endpointKey, endpointOrder, type Refusal } from '../model/endpoint.ts';
import type { BackendPolicy } from '../model/fleet.ts';
import { firstRefused } from '../model/limits.ts';
import type { Reading } from '../model/service-entry.ts';
import type { BackendSlots, Slot } from '../model/slot-table.ts';
import { depart } from './depart.ts';
import { recentDepartures } from './guard.ts';
import { redated } from './redated.ts';
import { freed, NEVER_USED, sameSlot, serving } from './slot-states.ts';

/** HAProxy's limit of ready servers in one backend (configuration manual, `balance roundrobin`). */
export const MOST_SLOTS = 4095;

const SMALLEST_GROWTH = 10;

export interface Assignment {
  /** Null: the backend has no slots yet. */
  readonly previous: BackendSlots | null;
  readonly reading: Reading;
  readonly policy: BackendPolicy;
  readonly nowMs: number;
  /** First contact: which slot number already serves whom. Ignored when there is a previous table. */
  readonly adopted?: ReadonlyMap<number, Endpoint>;
}

/** Assigns one backend. Returns `previous` itself when nothing about it changes. */
export function assignBackend(assignment: Assignment): BackendSlots {
  const { previous, reading, policy, nowMs } = assignment;
  const before = previous === null ? null : redated(previous, nowMs);
  const start = before?.slots ?? adoptedSlots(assignment.adopted ?? new Map(), policy, nowMs);
  const slots = declare(start, policy.slots);
  const ready = new Map(reading.endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]));

  settle(slots, ready, assignment);
  const departures = recentDepartures(before?.departures ?? [], policy.holdMs, nowMs);
  departures.push(...depart(slots, assignment, departures));
  const unplaced = place(slots, ready, policy, nowMs);

  const refused = firstRefused([...reading.refused, ...unplaced.map(noSlotLeft)]);
  const { service, server } = policy;
  const next: BackendSlots = { service, server, slots, departures, ...refused };
  return previous !== null && sameButForDepartures(previous, next) ? previous : next;
}

/** Everybody whom an instance already serves; whether Consul has them too is for the steps that follow. */
function adoptedSlots(adopted: ReadonlyMap<number, Endpoint>, policy: BackendPolicy, nowMs: number): Slot[] {
  const slots: Slot[] = [];
  const placed = new Set<string>();
  for (const [number, endpoint] of [...adopted].sort(([one], [other]) => one - other)) {
    // An endpoint that two slots serve keeps the first.
    if (number > MOST_SLOTS || placed.has(endpointKey(endpoint))) continue;
    placed.add(endpointKey(endpoint));
    while (slots.length < number) slots.push(NEVER_USED);
    slots[number - 1] = serving(endpoint, policy, nowMs);
  }
  return slots;
}

function declare(start: readonly Slot[], declared: number): Slot[] {
  const slots = [...start];
  while (slots.length < declared) slots.push(NEVER_USED);
  return slots;
}

/** Ends drains, and lets every endpoint that is ready serve (again) in the slot it has. */
function settle(
  slots: Slot[],
  ready: ReadonlyMap<string, Endpoint>,
  { reading, policy, nowMs }: Assignment,
): void {
  const usable = ready.size > 0 || policy.allowEmpty;
  const critical = new Set(
    reading.leaving.flatMap((one) => (usable && one.because === 'critical' ? [endpointKey(one)] : [])),
  );
  for (const [index, slot] of slots.entries()) {
    if (slot.state === 'free') continue;
    const endpoint = ready.get(endpointKey(slot));
    if (endpoint !== undefined) {
      const next = serving(known(endpoint, slot), policy, slot.state === 'serving' ? slot.sinceMs : nowMs);
      slots[index] = sameSlot(slot, next) ? slot : next;
    } else if (slot.state === 'draining' && (slot.untilMs <= nowMs || critical.has(endpointKey(slot)))) {
      slots[index] = freed(slot, nowMs);
    }
  }
}

/** What an event does not say, an answer of Consul said before. */
function known(endpoint: Endpoint, slot: Slot): Endpoint {
  const former = slot.state === 'serving' ? slot.registration : undefined;
  if (endpoint.registration !== undefined || former === undefined) return endpoint;
  return { ...endpoint, registration: former };
}

/** Gives every ready endpoint without a slot one. Returns those that HAProxy's own limit leaves without. */
function place(
  slots: Slot[],
  ready: ReadonlyMap<string, Endpoint>,
  policy: BackendPolicy,
  nowMs: number,
): Endpoint[] {
  const held = new Set(slots.flatMap((slot) => (slot.state === 'free' ? [] : [endpointKey(slot)])));
  const waiting = new Map(
    [...ready]
      .filter(([key]) => !held.has(key))
      .map(([key, endpoint]) => ({ key, endpoint, order: endpointOrder(endpoint) }))
      .sort((one, other) => (one.order < other.order ? -1 : 1))
      .map(({ key, endpoint }) => [key, endpoint]),
  );
  for (const [index, slot] of slots.entries()) {
    const key = slot.state === 'free' && slot.last !== null ? endpointKey(slot.last) : undefined;
    const endpoint = key === undefined ? undefined : waiting.get(key);
    if (key === undefined || endpoint === undefined) continue;
    slots[index] = serving(endpoint, policy, nowMs);
    waiting.delete(key);
  }

  // Who is registered, though not ready, finds his slot again: an operator may hold its server.
  const kept = slots.filter(isKept).length;
  grow(slots, waiting.size + (waiting.size > 0 ? Math.max(policy.spare, kept) : policy.spare));
  const free = slots
    .flatMap((slot, index) => (slot.state === 'free' ? [{ slot, index, freedAtMs: slot.freedAtMs }] : []))
    .sort(
      (one, other) =>
        Number(isKept(one.slot)) - Number(isKept(other.slot)) ||
        one.freedAtMs - other.freedAtMs ||
        one.index - other.index,
    );
  const unplaced: Endpoint[] = [];
  for (const [nth, endpoint] of [...waiting.values()].entries()) {
    const index = free[nth]?.index;
    if (index === undefined) unplaced.push(endpoint);
    else slots[index] = serving(endpoint, policy, nowMs);
  }
  return unplaced;
}

/** Free, and yet its last tenant is registered still. */
function isKept(slot: Slot): boolean {
  return slot.state === 'free' && slot.registeredSinceMs !== undefined;
}

/** Makes `wanted` slots free. Growth comes in steps, because each one asks every load balancer for a reload. */
function grow(slots: Slot[], wanted: number): void {
  const free = slots.filter((slot) => slot.state === 'free').length;
  if (free >= wanted) return;
  const step = Math.max(SMALLEST_GROWTH, Math.ceil(slots.length / 10));
  const grown = slots.length + Math.ceil((wanted - free) / step) * step;
  while (slots.length < Math.min(grown, MOST_SLOTS)) slots.push(NEVER_USED);
}

function noSlotLeft({ address, port }: Endpoint): Refusal {
  return { address, port, reason: `no slot left: HAProxy takes ${MOST_SLOTS} servers in a backend` };
}

/** Departures fall out of the window by themselves; that alone is no news to publish. */
function sameButForDepartures(previous: BackendSlots, next: BackendSlots): boolean {
  return (
    previous.service === next.service &&
    previous.server === next.server &&
    previous.slots.length === next.slots.length &&
    previous.slots.every((slot, index) => slot === next.slots[index]) &&
    previous.refused.length === next.refused.length &&
    previous.refusedMore === next.refusedMore &&
    previous.refused.every((refusal, index) => sameRefusal(refusal, next.refused[index]))
  );
}

function sameRefusal(one: Refusal, other: Refusal | undefined): boolean {
  return one.address === other?.address && one.port === other.port && one.reason === other.reason;
}
