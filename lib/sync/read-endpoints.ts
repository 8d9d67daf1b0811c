/** What every backend of a fleet is to serve, from Consul or, when Consul cannot be read, from the event itself. */

import { readEndpoints } from '../consul/reading.ts';
import type { BackendPolicy, Fleet } from '../model/fleet.ts';
import type { Reading, ServiceEntry } from '../model/service-entry.ts';
import type { Cause } from '../model/slot-table.ts';
import type { SyncPorts } from './ports.ts';

export type EntriesByService = ReadonlyMap<string, readonly ServiceEntry[]>;

/** Consul could not be read for a service; `usedEvent` tells whether an event's own entries stood in. */
export interface ConsulFailure {
  readonly service: string;
  readonly error: string;
  readonly usedEvent: boolean;
}

export interface FleetReading {
  /** By backend. A backend that is absent could not be read and stays as it is. */
  readonly backends: ReadonlyMap<string, Reading>;
  /** `X-Consul-Index` of each answer that had one. */
  readonly indexes: Cause['indexes'];
  readonly failures: readonly ConsulFailure[];
}

/**
 * Asks Consul once for each service that the backends use, all at the same time.
 *
 * @param fallback what events carried, by service; only used for a service that Consul does not answer for.
 */
export async function readFleetEndpoints(
  ports: SyncPorts,
  { answerBytes }: Fleet,
  policies: readonly BackendPolicy[],
  fallback: EntriesByService,
): Promise<FleetReading> {
  const failures: ConsulFailure[] = [];
  const indexes = new Map<string, string>();
  const services = [...new Set(policies.map((policy) => policy.service))];
  const answers = await Promise.all(
    services.map(async (service): Promise<[string, readonly ServiceEntry[] | undefined]> => {
      try {
        const { entries, index } = await ports.readService(service, { mostBytes: answerBytes });
        if (index != null) indexes.set(service, index);
        return [service, entries];
      } catch (failed) {
        const entries = fallback.get(service);
        const error = failed instanceof Error ? failed.message : String(failed);
        failures.push({ service, error, usedEvent: entries !== undefined });
        return [service, entries];
      }
    }),
  );
  const entriesOf = new Map(answers);
  const backends = new Map<string, Reading>();
  for (const policy of policies) {
    const entries = entriesOf.get(policy.service);
    if (entries !== undefined) backends.set(policy.backend, readEndpoints(entries, policy));
  }
  const answered = services.flatMap((service) => {
    const index = indexes.get(service);
    return index === undefined ? [] : [{ service, index }];
  });
  return { backends, indexes: answered, failures };
}
