/** First contact: reading the assignment of load balancers that already serve. */

import { type EndpointAddress, endpointKey } from '../model/endpoint.ts';
import type { ObservedServer } from '../model/observed.ts';

/**
 * Which slot number serves whom on one instance, for the endpoints that Consul has ready. Null when none of its slots
 * serves any of them: then it has nothing to teach.
 *
 * A server in maintenance at one endpoint's address keeps its slot too (an operator put it there), unless several
 * stand at that address: then it is only where a `server-template` put them.
 *
 * @param servers of one backend; servers whose name is not `prefix` and a number are not slots.
 */
export function adoptableSlots(
  servers: readonly ObservedServer[],
  prefix: string,
  endpoints: readonly EndpointAddress[],
): ReadonlyMap<number, EndpointAddress> | null {
  const known = new Set(endpoints.map(endpointKey));
  const crowd = Map.groupBy(servers, endpointKey);
  const slots = servers.flatMap((seen) => {
    const number = slotNumber(seen.server, prefix);
    return number === undefined || !known.has(endpointKey(seen)) ? [] : [{ number, seen }];
  });
  if (!slots.some(({ seen }) => seen.admin !== 'maint')) return null;
  const alone = slots.filter(
    ({ seen }) => seen.admin !== 'maint' || (crowd.get(endpointKey(seen))?.length ?? 0) === 1,
  );
  return new Map(alone.map(({ number, seen }) => [number, { address: seen.address, port: seen.port }]));
}

function slotNumber(server: string, prefix: string): number | undefined {
  const digits = server.startsWith(prefix) ? server.slice(prefix.length) : '';
  return /^[1-9]\d*$/.test(digits) ? Number(digits) : undefined;
}
