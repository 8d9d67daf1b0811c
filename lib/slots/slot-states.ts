/** The states that a slot changes to. */

import { type Endpoint, type EndpointAddress, sameEndpoint } from '../model/endpoint.ts';
import type { BackendPolicy } from '../model/fleet.ts';
import { sameRegistration } from '../model/registration.ts';
import type { FreeSlot, ServingSlot, Slot } from '../model/slot-table.ts';

export const NEVER_USED: FreeSlot = { state: 'free', freedAtMs: 0, last: null };

export function serving(endpoint: Endpoint, policy: BackendPolicy, sinceMs: number): ServingSlot {
  const { address, port, registration } = endpoint;
  const weight = policy.weights ? endpoint.weight : null;
  const whose = registration === undefined ? {} : { registration };
  return { state: 'serving', address, port, weight, sinceMs, withheld: null, ...whose };
}

export function freed({ address, port }: EndpointAddress, freedAtMs: number): FreeSlot {
  return { state: 'free', freedAtMs, last: { address, port } };
}

/** Two free or two draining slots count as different: they only come from a change. */
export function sameSlot(one: Slot, other: Slot): boolean {
  if (one.state !== 'serving' || other.state !== 'serving') return false;
  return (
    sameEndpoint(one, other) &&
    one.weight === other.weight &&
    one.sinceMs === other.sinceMs &&
    one.withheld?.sinceMs === other.withheld?.sinceMs &&
    one.withheld?.untilMs === other.withheld?.untilMs &&
    one.withheld?.kind === other.withheld?.kind &&
    sameRegistration(one.registration, other.registration) &&
    one.withheld?.released === other.withheld?.released &&
    one.withheld?.reason === other.withheld?.reason
  );
}
