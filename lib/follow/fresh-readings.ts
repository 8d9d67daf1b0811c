/** What was just heard of Consul is not asked for again by the pass that comes of it. */

import type { ServiceReading } from '../consul/consul-reader.ts';
import type { SyncPorts } from '../sync/ports.ts';

/**
 * Milliseconds. As long as a pass takes between its own reading and its writing: it is no older news than any. A pass
 * that was held up asks Consul.
 */
const FRESH_MS = 100;

export interface FreshReadings {
  heard(service: string, reading: ServiceReading): void;
  /** Each reading answers one question, the next one goes to Consul. */
  readonly readService: SyncPorts['readService'];
}

/** Of one fleet. @param steadyMs milliseconds of a clock that only goes forward. */
export function freshReadings(ask: SyncPorts['readService'], steadyMs: () => number): FreshReadings {
  const kept = new Map<string, { readonly reading: ServiceReading; readonly atMs: number }>();
  return {
    heard(service, reading) {
      kept.set(service, { reading, atMs: steadyMs() });
    },
    async readService(service, options) {
      const fresh = kept.get(service);
      kept.delete(service);
      if (fresh !== undefined && steadyMs() - fresh.atMs <= FRESH_MS) return fresh.reading;
      return ask(service, options);
    },
  };
}
