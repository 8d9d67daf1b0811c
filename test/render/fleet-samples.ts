/** Policies, slots and fleets for tests: each states only what differs. */

import type { BackendPolicy, Fleet } from '../../lib/model/fleet.ts';
import type { BackendSlots, DrainingSlot, FreeSlot, ServingSlot, Slot } from '../../lib/model/slot-table.ts';

export function policy(differs: Partial<BackendPolicy> = {}): BackendPolicy {
  return {
    backend: 'be_template',
    service: 'my-cluster',
    tags: [],
    include: ['passing'],
    weights: true,
    server: 'websrv',
    slots: 3,
    spare: 1,
    options: 'cookie {{ server }} check',
    placeholder: { address: '0.0.0.0', port: 80 },
    drainMs: 30_000,
    keep: 0.5,
    holdMs: 60_000,
    allowEmpty: false,
    ...differs,
  };
}

export function serving(address: string, port: number, weight: number | null = 1): ServingSlot {
  return { state: 'serving', address, port, weight, sinceMs: 1, withheld: null };
}

export function draining(address: string, port: number, weight: number | null = 1): DrainingSlot {
  return { state: 'draining', address, port, weight, sinceMs: 1, untilMs: 2 };
}

export const free: FreeSlot = { state: 'free', freedAtMs: 0, last: null };

export function slots(list: readonly Slot[], server = 'websrv'): BackendSlots {
  return { service: 'my-cluster', server, slots: list, departures: [], refused: [] };
}

export function fleet(template: string, backends: readonly BackendPolicy[] = [policy()]): Fleet {
  return {
    name: 'edge',
    instances: [],
    tls: {},
    instancesFrom: null,
    snapshotEveryMs: 60_000,
    reportEveryMs: 0,
    shard: 50,
    timeoutMs: 5_000,
    template: { path: '/etc/hitless/edge.cfg.j2', text: template },
    backends,
  };
}
