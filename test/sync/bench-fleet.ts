/** A fleet of real HAProxies, a store in a temporary folder, and a Consul that is only a map: for tests of the pass. */

import { type HaproxyOptions, type LocalHaproxy, startHaproxy } from '../../infra/local/haproxy.ts';
import { temporaryFolder } from '../../infra/local/temporary-folder.ts';
import type { BackendPolicy, Fleet, Instance } from '../../lib/model/fleet.ts';
import type { ServiceEntry } from '../../lib/model/service-entry.ts';
import type { SlotTable } from '../../lib/model/slot-table.ts';
import { openSession } from '../../lib/runtime-api/connect.ts';
import { createDirectoryStore } from '../../lib/store/directory-store.ts';
import { slotTableKey } from '../../lib/store/keys.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { decodeSlotTable } from '../../lib/store/slot-table-document.ts';
import { type PassOptions, type PassResult, passFleet } from '../../lib/sync/pass.ts';
import type { SyncEvent, SyncPorts } from '../../lib/sync/ports.ts';
import { policy } from '../slots/records.ts';

export const TEMPLATE = `
global
  stats socket "\${HITLESS_SOCKET}" mode 600 level admin
  stats socket "ipv4@\${HITLESS_RUNTIME}" level admin
defaults
  mode http
  timeout connect 1s
  timeout client 10s
  timeout server 10s
frontend fe_main
  bind "\${HITLESS_FRONTEND}"
  default_backend be_template
backend be_template
  balance roundrobin
  {{ backends_be_template }}
`;

export function articleBackend(slots: number): string {
  return `backend be_template\n  balance roundrobin\n  server-template websrv 1-${slots} 127.0.0.1:8080 check disabled\n`;
}

export function entry(address: string, port: number, differs: Partial<ServiceEntry> = {}): ServiceEntry {
  return { address, port, tags: [], status: 'passing', weights: { passing: 1, warning: 1 }, ...differs };
}

/** `entries(3, 5)` are 127.0.3.1 to 127.0.3.5, port 8080: loopback addresses that nobody listens on. */
export function entries(net: number, count: number): ServiceEntry[] {
  return Array.from({ length: count }, (_, index) => entry(`127.0.${net}.${index + 1}`, 8080));
}

export interface BenchFleet {
  readonly fleet: Fleet;
  readonly haproxies: readonly LocalHaproxy[];
  readonly store: ObjectStore;
  readonly ports: SyncPorts;
  readonly events: SyncEvent[];
  /** What Consul answers for `my-cluster`; a thrown error when it is one. */
  consul: readonly ServiceEntry[] | Error;
  pass(options?: Partial<PassOptions>): Promise<PassResult>;
  table(): Promise<SlotTable>;
  stop(): Promise<void>;
}

export interface BenchOptions {
  readonly haproxies: readonly HaproxyOptions[];
  /** Instances beside the real ones. */
  readonly others?: readonly Instance[];
  readonly policy?: Partial<BackendPolicy>;
  readonly fleet?: Partial<Fleet>;
  readonly now?: () => number;
}

export async function startBenchFleet(options: BenchOptions): Promise<BenchFleet> {
  const folder = temporaryFolder('store');
  const haproxies = await Promise.all(options.haproxies.map((each) => startHaproxy(each)));
  const store = createDirectoryStore(folder.path);
  const real = haproxies.map(
    ({ runtime, socket }, index): Instance => ({
      name: `lb${index + 1}`,
      address: index % 2 === 0 ? { scheme: 'unix', path: socket } : { scheme: 'tcp', ...runtime },
    }),
  );
  const fleet: Fleet = {
    name: 'edge',
    instances: [...real, ...(options.others ?? [])],
    tls: {},
    instancesFrom: null,
    snapshotEveryMs: 60_000,
    reportEveryMs: 0,
    shard: 50,
    timeoutMs: 5_000,
    template: null,
    backends: [policy({ slots: 20, ...options.policy })],
    ...options.fleet,
  };
  const events: SyncEvent[] = [];
  const ports: SyncPorts = {
    store,
    async readService() {
      if (bench.consul instanceof Error) throw bench.consul;
      return { entries: bench.consul };
    },
    openSession,
    now: options.now ?? Date.now,
    log: (event) => events.push(event),
  };
  const bench: BenchFleet = {
    fleet,
    haproxies,
    store,
    ports,
    events,
    consul: [],
    pass: (differs = {}) =>
      passFleet(ports, fleet, { entries: new Map(), snapshots: 'when-due', ...differs }),
    async table() {
      const stored = await store.get(slotTableKey(fleet.name));
      if (stored === null) throw new Error('no table was published');
      return decodeSlotTable('slots.json', stored.body);
    },
    async stop() {
      await Promise.all(haproxies.map((haproxy) => haproxy.stop()));
      folder.remove();
    },
  };
  return bench;
}

/** `websrv1 127.0.3.1:8080 ready 1`, for every server of be_template, in slot order; a parked one has no weight that counts. */
export async function shownBy(haproxy: LocalHaproxy): Promise<string[]> {
  const session = await openSession(
    { scheme: 'unix', path: haproxy.socket },
    { tls: {}, signal: AbortSignal.timeout(10_000) },
  );
  try {
    const { servers } = await session.readServers('be_template');
    return servers.map(({ server, address, port, admin, weight }) => {
      const parked = admin === 'maint' && address === '0.0.0.0';
      return `${server} ${address}:${port} ${admin}${parked ? '' : ` ${weight}`}`;
    });
  } finally {
    await session.close();
  }
}
