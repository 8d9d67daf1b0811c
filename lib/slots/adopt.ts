/** First contact: reading the assignment of load balancers that already serve. */

import { type Endpoint, type EndpointAddress, endpointKey } from '../model/endpoint.ts';
import { parseIpAddress } from '../model/ip-address.ts';
import type { ObservedServer } from '../model/observed.ts';

export interface AdoptableSlots {
  /** By slot number: who is there now, whether Consul has it or not. */
  readonly slots: ReadonlyMap<number, Endpoint>;
  /** Whether any of them is an endpoint that Consul has ready. */
  readonly servesAny: boolean;
}

/**
 * Who is in which slot on one instance; null when no slot is in use.
 *
 * Everybody in rotation counts, for taking somebody out is the guard's business. A server in maintenance counts when
 * it stands alone at the address of a ready endpoint: an operator put it there. Several at one address are only
 * where a `server-template` put them.
 *
 * @param servers of one backend; a server whose name is not `prefix` and a number is not a slot.
 */
export function adoptableSlots(
  servers: readonly ObservedServer[],
  prefix: string,
  endpoints: readonly EndpointAddress[],
): AdoptableSlots | null {
  const known = new Set(endpoints.map(endpointKey));
  const crowd = Map.groupBy(servers, endpointKey);
  const used = servers.flatMap((seen) => {
    const number = slotNumber(seen.server, prefix);
    if (number === undefined || seen.port === 0 || parseIpAddress(seen.address) !== seen.address) return [];
    const alone = known.has(endpointKey(seen)) && crowd.get(endpointKey(seen))?.length === 1;
    return seen.admin === 'maint' && !alone ? [] : [{ number, seen }];
  });
  if (!used.some(({ seen }) => seen.admin !== 'maint')) return null;
  return {
    slots: new Map(used.map(({ number, seen }) => [number, endpointOf(seen)])),
    servesAny: used.some(({ seen }) => seen.admin !== 'maint' && known.has(endpointKey(seen))),
  };
}

function endpointOf({ address, port, weight }: ObservedServer): Endpoint {
  return { address, port, weight };
}

function slotNumber(server: string, prefix: string): number | undefined {
  const digits = server.startsWith(prefix) ? server.slice(prefix.length) : '';
  return /^[1-9]\d*$/.test(digits) ? Number(digits) : undefined;
}
