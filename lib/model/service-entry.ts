/** One registration of a service as Consul tells it, trimmed to what decides about a server; nothing is checked yet. */

import type { Endpoint, EndpointAddress, Refusal } from './endpoint.ts';
import type { Registration } from './registration.ts';

/** `unchecked`: Consul calls it critical, but has told no result of a check since the node's agent started. */
export type HealthStatus = 'passing' | 'warning' | 'critical' | 'maintenance' | 'unchecked';

export interface ServiceEntry {
  /** The service's own address, or the node's where it has none; any string that Consul let through. */
  readonly address: string;
  /** Any number that Consul let through. */
  readonly port: number;
  readonly tags: readonly string[];
  /** The worst of its checks and its node's. */
  readonly status: HealthStatus;
  /** `Service.Weights`; 1 and 1 where Consul has none. */
  readonly weights: { readonly passing: number; readonly warning: number };
  /** The name of its node, and its service id there: any strings. Absent: an event from the queue goes without. */
  readonly node?: string;
  readonly id?: string;
}

/** A registration as Consul itself answers: whose it is, too. */
export interface HealthEntry extends ServiceEntry {
  /** The name of its node, and its service id there: together one registration's own. Any strings. */
  readonly node: string;
  readonly id: string;
}

/** What a backend is to make of one answer of Consul. */
export interface Reading {
  /** The endpoints that are to serve: checked, canonical, without duplicates, sorted by endpoint key. */
  readonly endpoints: readonly Endpoint[];
  /** Registered endpoints that are not to serve; an endpoint in neither list is deregistered. */
  readonly leaving: readonly LeavingEndpoint[];
  readonly refused: readonly Refusal[];
  /** Of `refused`, what Consul has ready all the same: its service did not depart, its registration cannot be used. */
  readonly unusable: readonly Unusable[];
  /** Things that were let through changed, such as a weight clamped to 256. */
  readonly notices: readonly string[];
}

export interface Unusable extends Registration {
  readonly reason: string;
}

export interface LeavingEndpoint extends EndpointAddress {
  readonly because: 'critical' | 'maintenance' | 'warning' | 'tags' | 'unchecked';
}
