/** Everything outside the process that a pass needs, as arguments: tests and the simulation bring their own. */

import type { HealthEntry, ServiceEntry } from '../model/service-entry.ts';
import type { OpenSession } from '../runtime-api/runtime-session.ts';
import type { ObjectStore } from '../store/object-store.ts';

export interface SyncPorts {
  readonly store: ObjectStore;
  /**
   * What Consul has registered for a service. Throws `ConsulFailed`, which names the call; also when the answer has more
   * bytes than are to be read.
   */
  readonly readService: (
    service: string,
    options?: { readonly mostBytes?: number | undefined },
  ) => Promise<{
    /** A fleet that finds its instances in Consul needs the names of their registrations, too. */
    readonly entries: readonly (ServiceEntry & Partial<HealthEntry>)[];
    /** `X-Consul-Index`. */
    readonly index?: string | null;
  }>;
  readonly openSession: OpenSession;
  /** Milliseconds since 1970: the store's, where it has a clock of its own. */
  readonly now: () => number;
  readonly log: (event: SyncEvent) => void;
}

/** One line of a log: an event's name in the vocabulary, and its facts. */
export interface SyncEvent {
  readonly event:
    | 'table_published'
    | 'table_race_lost'
    | 'table_behind'
    | 'clock_off'
    | 'turn_awaited'
    | 'consul_unavailable'
    | 'endpoint_refused'
    | 'endpoint_noticed'
    | 'change_withheld'
    | 'change_released'
    | 'change_applied'
    | 'policy_changed'
    | 'policy_overruled'
    | 'instance_found'
    | 'instance_forgotten'
    | 'instance_refused'
    | 'instance_applied'
    | 'instance_lagging'
    | 'instance_noted'
    | 'configuration_published'
    | 'configuration_withheld'
    | 'backend_forgotten'
    | 'failed';
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly [fact: string]: string | number | boolean | null;
}
