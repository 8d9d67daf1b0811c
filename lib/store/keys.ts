/** Where things are in the store, below its prefix: the contract between the worker, the hosts and the operator. */

import { isKeyName } from '../model/names.ts';

/** The slot table; conditional writes only. */
export function slotTableKey(fleet: string): string {
  return `${fleetPrefix(fleet)}/slots.json`;
}

/** The configuration rendered from the current table. */
export function configurationKey(fleet: string): string {
  return `${fleetPrefix(fleet)}/haproxy.cfg`;
}

/** Generation and digests of the current configuration: what a host asks for first. */
export function currentConfigurationKey(fleet: string): string {
  return `${fleetPrefix(fleet)}/current.json`;
}

/** Every generation is a folder in it, called by its number. */
export function generationsFolder(fleet: string): string {
  return `${fleetPrefix(fleet)}/generations`;
}

/** The table of one generation; never rewritten. */
export function generationSlotTableKey(fleet: string, generation: number): string {
  return `${generationPrefix(fleet, generation)}/slots.json`;
}

/** The configuration of one generation; never rewritten. */
export function generationConfigurationKey(fleet: string, generation: number): string {
  return `${generationPrefix(fleet, generation)}/haproxy.cfg`;
}

/** The instances that were found in Consul; conditional writes only. */
export function knownInstancesKey(fleet: string): string {
  return `${fleetPrefix(fleet)}/instances.json`;
}

/** The last snapshot of `show servers state`: a state file, as HAProxy printed it. */
export function stateSnapshotKey(fleet: string, instance: string): string {
  return `${instancePrefix(fleet, instance)}/servers.state`;
}

/** The last reports of the instances of one shard, counted from 0: what the next pass over it goes on from. */
export function shardReportsKey(fleet: string, shard: number): string {
  if (!Number.isSafeInteger(shard) || shard < 0) throw new RangeError(`${shard} is not a shard`);
  return `${fleetPrefix(fleet)}/shards/${shard}.json`;
}

/** The last report that said something new. */
export function reportKey(fleet: string, instance: string): string {
  return `${instancePrefix(fleet, instance)}/report.json`;
}

function fleetPrefix(fleet: string): string {
  return `fleets/${checked('fleet', fleet)}`;
}

function instancePrefix(fleet: string, instance: string): string {
  return `${fleetPrefix(fleet)}/instances/${checked('instance', instance)}`;
}

function generationPrefix(fleet: string, generation: number): string {
  if (!Number.isSafeInteger(generation) || generation < 1) {
    throw new RangeError(`${generation} is not a generation`);
  }
  return `${generationsFolder(fleet)}/${generation}`;
}

/** The configuration file was checked before; a name that gets here unchecked must not become a path. */
function checked(what: string, name: string): string {
  if (!isKeyName(name)) throw new RangeError(`${JSON.stringify(name)} cannot be the name of a ${what}`);
  return name;
}
