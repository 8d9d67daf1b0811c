/** A fleet's instances in the configuration file: those it lists, where it finds others, and that nobody has two names. */

import { type InstanceAddress, type InstancesFrom, placeOf } from '../model/fleet.ts';
import type { Problem } from './parse-config.ts';
import type { ConfigOfSchema, FleetOfSchema } from './schema.ts';
import type { KeyPath, YamlDocument } from './yaml-document.ts';

/** By name; an instance that is called `consul` is one of them, a map at that key is not. */
export function listedInstances(fleet: FleetOfSchema | undefined): Readonly<Record<string, InstanceAddress>> {
  const { consul, ...others } = fleet?.instances ?? {};
  return consul === undefined || 'service' in consul ? others : { consul, ...others };
}

export function instancesFrom(fleet: FleetOfSchema | undefined): InstancesFrom | null {
  const consul = fleet?.instances.consul;
  if (consul === undefined || !('service' in consul)) return null;
  return { service: consul.service, scheme: consul.scheme, tags: [...new Set(consul.tags)] };
}

/** Two names for one HAProxy process, whether in one fleet or in two. */
export function claimedTwice(config: ConfigOfSchema, document: YamlDocument): readonly Problem[] {
  const claims = new Map<string, KeyPath>();
  const problems: Problem[] = [];
  for (const fleet of document.keysOf(['fleets'])) {
    for (const name of document.keysOf(['fleets', fleet, 'instances'])) {
      const address = listedInstances(config.fleets[fleet])[name];
      if (address === undefined) continue;
      const path = ['fleets', fleet, 'instances', name];
      const claimed = claims.get(placeOf(address));
      if (claimed === undefined) claims.set(placeOf(address), path);
      else
        problems.push({
          path,
          problem: `the same address as ${claimed.join('.')}, one instance has one name`,
        });
    }
  }
  return problems;
}

/** Two fleets whose instances are the same registrations of one service: those of one have all tags of the other. */
export function foundTwice(config: ConfigOfSchema, document: YamlDocument): readonly Problem[] {
  const sources = document.keysOf(['fleets']).flatMap((fleet) => {
    const from = instancesFrom(config.fleets[fleet]);
    return from === null ? [] : [{ path: ['fleets', fleet, 'instances', 'consul'], from }];
  });
  return sources.flatMap(({ path, from }, index) => {
    const other = sources.slice(0, index).find((earlier) => overlap(earlier.from, from));
    if (other === undefined) return [];
    const problem = `the same registrations as ${other.path.join('.')}, one instance belongs to one fleet: tell them apart by tags`;
    return [{ path: [...path, 'service'], problem }];
  });
}

function overlap(one: InstancesFrom, other: InstancesFrom): boolean {
  const within = (tags: readonly string[], all: readonly string[]) => tags.every((tag) => all.includes(tag));
  return one.service === other.service && (within(one.tags, other.tags) || within(other.tags, one.tags));
}
