/** One HAProxy, who is registered in Consul, the table and the clock: where the passes of a case meet. */

import { get } from 'node:http';
import { until } from '../../../infra/local/until.ts';
import { type EndpointAddress, endpointKey } from '../../../lib/model/endpoint.ts';
import type { Fleet } from '../../../lib/model/fleet.ts';
import type { ObservedServer } from '../../../lib/model/observed.ts';
import type { ServiceEntry } from '../../../lib/model/service-entry.ts';
import { policy } from '../../slots/records.ts';
import type { Admit } from './gate.ts';
import { BACKEND, DECLARED, type Host, startHost, TEMPLATE } from './host.ts';
import { createMemoryStore, type MemoryStore } from './memory-store.ts';
import { type PassRun, startPass } from './pass-run.ts';
import { startTenants, type Tenants } from './tenants.ts';
import { Trace } from './trace.ts';
import { startTraffic, type Traffic } from './traffic.ts';

export const DRAIN_MS = 30_000;

/**
 * `roomy`: slots are free, and who leaves drains. `tight`: no slot is, so a newcomer gets a slot from under another.
 * `fresh`: nobody has ever been served.
 */
export type Room = 'roomy' | 'tight' | 'fresh';

/** Registered before a case begins, without whom its arrival brings: as many as a tight fleet has slots. */
export const BASE: readonly string[] = ['held', 'subject', 'second', 'third'];

export interface Registration {
  /** Which tenant is at its address. */
  readonly tenant: string;
  readonly weight: number;
  readonly status: 'passing' | 'critical';
}

/** What an operator said about a server, and when. */
export interface Word {
  readonly state: 'drain' | 'maint' | 'ready';
  readonly server: string;
  readonly endpoint: string;
  readonly at: number;
  /** The weight that the server had then. */
  readonly weight: number;
  /** Whether the reports had the slot verified in rotation by then. */
  readonly verified: boolean;
}

export interface Course {
  readonly room: Room;
  readonly fleet: Fleet;
  readonly store: MemoryStore;
  readonly trace: Trace;
  readonly traffic: Traffic;
  /** By service id. */
  readonly registered: Map<string, Registration>;
  /** In the order in which they were said; about endpoints that are gone, too. */
  readonly words: Word[];
  /** By endpoint: the operator's holds that are to last. */
  readonly holds: Map<string, Word>;
  /** Endpoints that were registered at any time. */
  readonly everRegistered: Set<string>;
  /** From when on every request is answered in an undisturbed order; null: not yet. */
  servedFrom: number | null;
  laterMs: number;
}

export interface World {
  readonly host: Host;
  readonly tenants: Tenants;
  readonly keyOf: (tenant: string) => string;
  /** A new case: HAProxy and store as they were before anybody, Consul with `registered`. */
  begin(room: Room, registered: readonly string[]): Promise<Course>;
  pass(course: Course, name: string, admit?: Admit): PassRun;
  /** A request that the tenant does not answer before the case is over. */
  holdRequest(course: Course): Promise<void>;
  end(course: Course): Promise<void>;
  stop(): Promise<void>;
}

export async function startWorld(binary: string): Promise<World> {
  const tenants = await startTenants();
  const host = await startHost(binary, tenants.at('placeholder'));
  const keyOf = (tenant: string) => endpointKey(tenants.at(tenant));
  return {
    host,
    tenants,
    keyOf,
    async begin(room, registered) {
      await host.reset();
      const trace = new Trace();
      const course: Course = {
        ...{ room, trace, store: createMemoryStore(), words: [], servedFrom: null, laterMs: 0 },
        holds: new Map(),
        fleet: fleetOf(room, tenants.at('placeholder'), host.socket),
        traffic: startTraffic(host.url, trace),
        registered: new Map(),
        everRegistered: new Set(),
      };
      for (const id of registered) register(course, id, { tenant: id, weight: 1, status: 'passing' }, keyOf);
      return course;
    },
    pass(course, name, admit) {
      const { fleet, store, trace } = course;
      const now = () => Date.now() + course.laterMs;
      const readService = () => [...course.registered.values()].map((one) => entryOf(one, tenants));
      const ports = { fleet, store, trace, now, readService };
      const disguise = host.disguise(() => course.laterMs);
      return startPass(name, { ...ports, socket: host.socket, disguise }, admit);
    },
    async holdRequest() {
      const { host: address, port } = host.frontend;
      get({ host: address, port, path: '/hold' }, (response) => response.resume()).on('error', () => {});
      await until(() => tenants.holds(), { what: 'a request that is held', every: 1 });
    },
    async end({ traffic }) {
      tenants.releaseHeld();
      await traffic.stop();
    },
    async stop() {
      await Promise.all([host.stop(), tenants.stop()]);
    },
  };
}

export function register(
  course: Course,
  id: string,
  registration: Registration,
  keyOf: World['keyOf'],
): void {
  course.registered.set(id, registration);
  course.everRegistered.add(keyOf(registration.tenant));
}

/** The server that is at this endpoint, whatever its state; undefined: none is. */
export async function serverAt(host: Host, endpoint: string): Promise<ObservedServer | undefined> {
  return [...(await host.servers()).values()].find((seen) => endpointKey(seen) === endpoint);
}

function fleetOf(room: Room, placeholder: EndpointAddress, socket: string): Fleet {
  return {
    name: 'edge',
    instances: [{ name: 'lb', address: { scheme: 'unix', path: socket } }],
    ...{ tls: {}, instancesFrom: null, snapshotEveryMs: 60_000, reportEveryMs: 0, shard: 50 },
    timeoutMs: 20_000,
    template: { path: 'edge.cfg.j2', text: TEMPLATE },
    backends: [
      policy({
        ...{ backend: BACKEND, options: '', placeholder },
        slots: room === 'tight' ? BASE.length : DECLARED,
        drainMs: room === 'tight' ? 0 : DRAIN_MS,
      }),
    ],
  };
}

function entryOf({ tenant, weight, status }: Registration, tenants: Tenants): ServiceEntry {
  return { ...tenants.at(tenant), tags: [], status, weights: { passing: weight, warning: 1 } };
}
