/** The fleet whose passes are killed, as the test and the process that is killed both see it. */

import { createConsulReader } from '../../lib/consul/consul-reader.ts';
import type { Fleet, InstanceAddress } from '../../lib/model/fleet.ts';
import { openSession } from '../../lib/runtime-api/connect.ts';
import { createDirectoryStore } from '../../lib/store/directory-store.ts';
import { passFleet } from '../../lib/sync/pass.ts';
import type { SyncPorts } from '../../lib/sync/ports.ts';
import { policy } from '../slots/records.ts';

export const SLOTS = 100;

export function killFleet(address: InstanceAddress): Fleet {
  return {
    name: 'edge',
    instances: [{ name: 'lb', address }],
    tls: {},
    instancesFrom: null,
    snapshotEveryMs: 0,
    reportEveryMs: 0,
    shard: 50,
    timeoutMs: 30_000,
    template: null,
    backends: [policy({ slots: SLOTS, drainMs: 0 })],
  };
}

export function killPorts(store: string, consul: string): SyncPorts {
  const reader = createConsulReader({ address: consul, datacenter: null, tls: {} }, { timeoutMs: 20_000 });
  return {
    store: createDirectoryStore(store),
    readService: (service) => reader.readService(service),
    openSession,
    now: Date.now,
    log: () => {},
  };
}

export function killPass(ports: SyncPorts, fleet: Fleet) {
  return passFleet(ports, fleet, { entries: new Map(), snapshots: 'when-due' });
}
