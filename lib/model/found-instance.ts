/** Instances that nobody listed: Consul has them registered (see `InstancesFrom`). */

import type { EndpointAddress, Refusal } from './endpoint.ts';
import type { Instance, InstancesFrom } from './fleet.ts';

export interface FoundInstance extends EndpointAddress {
  /** Made of the registration's names, fit for an object key; the same registration always has the same name. */
  readonly name: string;
}

/** How it is spoken to. */
export function instanceAt({ name, address, port }: FoundInstance, { scheme }: InstancesFrom): Instance {
  return { name, address: { scheme, host: address, port } };
}

/** A registration that cannot be an instance; `name` is the one it would have had. */
export interface InstanceRefusal extends Refusal {
  readonly name: string;
}

/** One that is applied to, whether Consul's last answer had it or not. */
export interface KnownInstance extends FoundInstance {
  /** Since when every answer of Consul has missed it; null: the last one had it. */
  readonly missedSinceMs: number | null;
}

/** What a fleet knows of the registrations of one service; `fleets/FLEET/instances.json`. */
export interface KnownInstances {
  readonly version: 1;
  readonly fleet: string;
  /** In Consul. Of another service nothing is known. */
  readonly service: string;
  /** Each keeps its place in this order, for shards are cut from it. */
  readonly instances: readonly KnownInstance[];
  /** The first 20. */
  readonly refused: readonly InstanceRefusal[];
  /** How many more. Absent: none. */
  readonly refusedMore?: number;
}
