/** What a fleet makes of one answer of Consul about its load balancers: whom it applies to from now on. Pure. */

import { isDeepStrictEqual } from 'node:util';
import type { FoundInstances } from '../consul/instances.ts';
import { endpointKey } from '../model/endpoint.ts';
import type { KnownInstance, KnownInstances } from '../model/found-instance.ts';
import { firstRefused } from '../model/limits.ts';

/**
 * Consul answers a part of the truth for half a minute after its own restart (measured on 1.8.7), and a load balancer
 * that is left out for that long serves on, with stale servers if nobody looks after it.
 */
const MISSED_MS = 10 * 60_000;

export interface Circumstances {
  readonly fleet: string;
  readonly service: string;
  readonly nowMs: number;
  /** Names of those who did not answer when they were last applied to. */
  readonly silent: ReadonlySet<string>;
}

/**
 * - Who was found is known; a newcomer takes the place of one that is gone, so that the others stay in their shards.
 * - Who was missed is known for ten minutes more, unless somebody else is at his address now, or he was missed before
 *   and does not answer: he is really gone then.
 * - Where nobody was found, nobody was missed: an empty answer says nothing about anybody.
 *
 * @param known what there is; of another service it does not count.
 * @returns `known` itself when nothing is different.
 */
export function nextKnown(
  known: KnownInstances | null,
  found: FoundInstances,
  { fleet, service, nowMs, silent }: Circumstances,
): KnownInstances {
  const before = known?.service === service ? known.instances : [];
  const fresh = new Map(found.instances.map((one) => [one.name, { ...one, missedSinceMs: null }]));
  const places = new Set(found.instances.map(endpointKey));
  const kept = before.map((one): KnownInstance | null => {
    const again = fresh.get(one.name);
    if (again !== undefined || fresh.size === 0) return again ?? one;
    const missedSinceMs = one.missedSinceMs ?? nowMs;
    const gone = silent.has(one.name) && one.missedSinceMs !== null;
    return gone || places.has(endpointKey(one)) || nowMs - missedSinceMs >= MISSED_MS
      ? null
      : { ...one, missedSinceMs };
  });
  const old = new Set(before.map(({ name }) => name));
  const newcomers = [...fresh.values()].filter(({ name }) => !old.has(name));
  const instances = withoutGaps([...kept, ...newcomers]);
  const next: KnownInstances = { version: 1, fleet, service, instances, ...firstRefused(found.refused) };
  return known !== null && isDeepStrictEqual(next, known) ? known : next;
}

/** Gaps are filled from the end, where the newcomers are. */
function withoutGaps(all: readonly (KnownInstance | null)[]): KnownInstance[] {
  const places = [...all];
  while (places.includes(null)) {
    const last = places.pop() ?? null;
    if (last !== null) places[places.indexOf(null)] = last;
  }
  return places.filter((one) => one !== null);
}
