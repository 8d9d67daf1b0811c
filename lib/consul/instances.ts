/**
 * Which HAProxy processes the registrations of a service are: a fleet's instances that are not listed anywhere. Pure;
 * the order of Consul's answer never shows in the result.
 */

import { type Instance, type InstancesFrom, placeOf } from '../model/fleet.ts';
import { type FoundInstance, type InstanceRefusal, instanceAt } from '../model/found-instance.ts';
import type { HealthEntry, HealthStatus } from '../model/service-entry.ts';
import { entryAddress, refusedAt } from './entry-address.ts';
import { registrationName } from './registration-name.ts';

export interface FoundInstances {
  readonly instances: readonly FoundInstance[];
  readonly refused: readonly InstanceRefusal[];
}

/**
 * Every registration that has all of the tags counts, whatever its checks say, in maintenance too: a load balancer
 * whose check fails may fail it because its servers are stale, and one that comes back from maintenance must not come
 * back with stale servers.
 *
 * Whoever is at the address of a listed instance is that one. Of several registrations of one address the healthiest
 * counts: the others are what a machine left behind that had the address before. Refused is what `entryAddress`
 * refuses, and a name that another instance has.
 *
 * @param listed those that have their names from the configuration.
 * @returns both sorted by name.
 */
export function readInstances(
  entries: readonly HealthEntry[],
  from: InstancesFrom,
  listed: readonly Instance[],
): FoundInstances {
  const instances: FoundInstance[] = [];
  const refused: InstanceRefusal[] = [];
  const names = new Set(listed.map(({ name }) => name));
  const places = new Set(listed.map(({ address }) => placeOf(address)));
  const own = entries.filter((entry) => from.tags.every((tag) => entry.tags.includes(tag)));
  for (const { entry, name } of healthiestFirst(own, from.service)) {
    const at = entryAddress(entry);
    if ('reason' in at) {
      refused.push({ name, ...at });
      continue;
    }
    const place = placeOf(instanceAt({ name, ...at }, from).address);
    if (places.has(place)) continue;
    if (names.has(name)) {
      refused.push({ name, ...refusedAt(entry, 'another instance already has the name it would get') });
      continue;
    }
    names.add(name);
    places.add(place);
    instances.push({ name, ...at });
  }
  return { instances: instances.sort(byName), refused: refused.sort(byName) };
}

const BEST_FIRST: readonly HealthStatus[] = ['passing', 'warning', 'unchecked', 'maintenance', 'critical'];

function healthiestFirst(entries: readonly HealthEntry[], service: string) {
  const order = ({ status, address, port }: HealthEntry, name: string) =>
    JSON.stringify([BEST_FIRST.indexOf(status), name, address, port]);
  return entries
    .map((entry) => ({ entry, name: registrationName(entry.node, entry.id, service) }))
    .sort((one, other) => inOrder(order(one.entry, one.name), order(other.entry, other.name)));
}

function byName(one: { readonly name: string }, other: { readonly name: string }): number {
  return inOrder(one.name, other.name);
}

/** By code units, so that the order is the same on every machine. */
function inOrder(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
