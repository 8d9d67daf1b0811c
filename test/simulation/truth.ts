/** Who should serve, said anew and in few words: what the real reading of Consul is held against. */

import type { BackendPolicy } from '../../lib/model/fleet.ts';
import { targetOf } from './haproxy-process.ts';
import type { Registration } from './simulated-consul.ts';

/** Valid addresses of the simulation; everything else that it registers is hostile. */
const SERVING = /^(?:10\.\d+\.\d+\.\d+|2001:db8::[0-9a-f]+)$/;

/** By `address:port`: the weight. */
export function truth(
  policy: BackendPolicy,
  registrations: readonly Registration[],
): ReadonlyMap<string, number> {
  const ready = new Map<string, number>();
  for (const { address, nodeAddress, port, tags, weight, status, maintenance } of registrations) {
    const place = { address: address || nodeAddress, port };
    if (!SERVING.test(place.address) || !Number.isInteger(port) || port < 1 || port > 65_535) continue;
    if (maintenance || status === 'critical' || !policy.include.includes(status)) continue;
    if (!policy.tags.every((tag) => tags.includes(tag))) continue;
    const known = ready.get(targetOf(place));
    ready.set(targetOf(place), Math.max(known ?? 0, status === 'warning' ? 1 : Math.min(256, weight)));
  }
  return ready;
}
