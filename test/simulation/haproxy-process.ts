/**
 * One simulated HAProxy process: its servers, the connections it has to them, and the requests it sends there.
 *
 * What differs between releases (facts measured on 2.2, 2.6, 3.0 and 3.2): from 3.0 on an address takes effect a
 * moment after it was set; before 3.0 a connection that was in use while the address changed serves later requests
 * all the same, at the old address.
 */

import type { Random } from './random.ts';
import type { VirtualTime } from './virtual-time.ts';

export const FORCED_MAINT = 0x01;
export const CONFIGURED_MAINT = 0x04;
export const FORCED_DRAIN = 0x08;

/** A request under way, or an idle connection that a later request can use. */
interface Connection {
  readonly target: string;
  busy: boolean;
}

export interface SimulatedServer {
  readonly backend: string;
  readonly name: string;
  readonly id: number;
  /** As `show servers state` has them; where requests go. */
  address: string;
  port: number;
  /** Set, but not in effect yet (3.0 and later). */
  moving: { readonly address: string; readonly port: number } | null;
  /** When the last of the addresses that were set is in effect: they take effect in the order in which they were set. */
  settlesMs: number;
  admin: number;
  weight: number;
  readonly configuredWeight: number;
  readonly connections: Connection[];
  /** `add server` made it. */
  readonly added: boolean;
  /** Whether its checks run; those of an added one have to be told to. */
  checked: boolean;
}

/** A server line of a configuration file. */
export interface ServerLine {
  readonly backend: string;
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly disabled: boolean;
}

/** Who changes a server: one of our sessions, a person, or the start of the process. */
export type Hand = { readonly by: 'session'; readonly session: number } | { readonly by: 'operator' };

export interface ServerChange {
  readonly process: HaproxyProcess;
  readonly server: SimulatedServer;
  readonly hand: Hand;
  readonly line: string;
  readonly before: Seen;
  /** The backend's servers in rotation before the change. */
  readonly rotationBefore: readonly string[];
}

/** The part of a server that decides about traffic. */
export interface Seen {
  readonly address: string;
  readonly port: number;
  readonly admin: number;
  readonly weight: number;
  /** Another address was answered for and is not in effect yet (3.0 and newer), which no reader can see. */
  readonly onItsWay: boolean;
}

export interface SentRequest {
  readonly process: HaproxyProcess;
  readonly server: SimulatedServer;
  /** Where it really went. */
  readonly target: string;
}

export interface HaproxyObserver {
  changed(change: ServerChange): void;
  requested(request: SentRequest): void;
}

export interface ProcessOptions {
  readonly instance: string;
  readonly release: Release;
  /** No other process of the simulation has it. */
  readonly pid: number;
  /** As `show info` has it: in a container every process is pid 1. Absent: `pid`. */
  readonly shownPid?: number;
  readonly lines: readonly ServerLine[];
  readonly time: VirtualTime;
  readonly random: Random;
  readonly observer: HaproxyObserver;
}

export type Release = '2.2' | '2.6' | '3.0' | '3.2';

const LONGEST_SETTLING_MS = 40;

export class HaproxyProcess {
  readonly instance: string;
  readonly release: Release;
  readonly pid: number;
  readonly shownPid: number;
  readonly startedMs: number;
  /** False for a process that was replaced or killed; an old one goes on answering the sessions it has. */
  serving = true;
  readonly #options: ProcessOptions;
  readonly #backends = new Map<string, Map<string, SimulatedServer>>();

  constructor(options: ProcessOptions) {
    this.instance = options.instance;
    this.release = options.release;
    this.pid = options.pid;
    this.shownPid = options.shownPid ?? options.pid;
    this.startedMs = options.time.elapsedMs;
    this.#options = options;
    for (const { backend, name, address, port, weight, disabled } of options.lines) {
      const servers = this.#backends.get(backend) ?? new Map<string, SimulatedServer>();
      this.#backends.set(backend, servers);
      servers.set(name, {
        backend,
        name,
        id: servers.size + 1,
        address,
        port,
        moving: null,
        settlesMs: 0,
        admin: disabled ? FORCED_MAINT | CONFIGURED_MAINT : 0,
        weight,
        configuredWeight: weight,
        connections: [],
        added: false,
        checked: true,
      });
    }
  }

  /** Seconds since 1970. */
  get startedAtSeconds(): number {
    const { time } = this.#options;
    return Math.floor((time.now() - time.elapsedMs + this.startedMs) / 1000);
  }

  get time(): VirtualTime {
    return this.#options.time;
  }

  /** 3.0 and later. */
  get asynchronous(): boolean {
    return Number.parseInt(this.release, 10) >= 3;
  }

  backends(): readonly string[] {
    return [...this.#backends.keys()];
  }

  /** In the order of the configuration; undefined: there is no such backend. */
  servers(backend: string): readonly SimulatedServer[] | undefined {
    const servers = this.#backends.get(backend);
    return servers === undefined ? undefined : [...servers.values()];
  }

  server(backend: string, name: string): SimulatedServer | undefined {
    return this.#backends.get(backend)?.get(name);
  }

  /** A server that the configuration does not have; in maint. */
  add(server: Pick<SimulatedServer, 'backend' | 'name' | 'id' | 'address' | 'port' | 'weight'>): void {
    const state = {
      moving: null,
      settlesMs: 0,
      admin: FORCED_MAINT,
      configuredWeight: server.weight,
      connections: [],
    };
    this.#backends
      .get(server.backend)
      ?.set(server.name, { ...server, ...state, added: true, checked: false });
  }

  remove({ backend, name }: SimulatedServer): void {
    this.#backends.get(backend)?.delete(name);
  }

  /** Those that get new requests, as far as administrators decide. */
  rotation(backend: string): readonly SimulatedServer[] {
    return (this.servers(backend) ?? []).filter(isInRotation);
  }

  /** Carries out a change and tells the observer. */
  change(server: SimulatedServer, hand: Hand, line: string, work: () => void): void {
    const { address, port, admin, weight, moving } = server;
    const rotationBefore = this.rotation(server.backend).map(({ name }) => name);
    work();
    if (!this.serving) return;
    const before = { address, port, admin, weight, onItsWay: moving !== null };
    this.#options.observer.changed({ process: this, server, hand, line, before, rotationBefore });
  }

  setState(server: SimulatedServer, state: 'ready' | 'drain' | 'maint'): void {
    server.admin &= ~(FORCED_MAINT | FORCED_DRAIN);
    if (state === 'maint') server.admin |= FORCED_MAINT;
    if (state === 'drain') server.admin |= FORCED_DRAIN;
  }

  setAddress(server: SimulatedServer, address: string, port: number): void {
    if (!this.asynchronous) this.#arrive(server, address, port);
    const stays = server.address === address && server.port === port && server.moving === null;
    if (!this.asynchronous || stays) return;
    const moving = { address, port };
    server.moving = moving;
    const { elapsedMs } = this.time;
    const soonestMs = elapsedMs + this.#options.random.between(0, LONGEST_SETTLING_MS);
    server.settlesMs = Math.max(soonestMs, server.settlesMs);
    this.time.after(server.settlesMs - elapsedMs, () => {
      this.#arrive(server, address, port);
      if (server.moving === moving) server.moving = null;
    });
  }

  /** Idle connections are dropped; those in use are not. */
  #arrive(server: SimulatedServer, address: string, port: number): void {
    if (server.address === address && server.port === port) return;
    server.address = address;
    server.port = port;
    const used = server.connections.filter((connection) => connection.busy);
    server.connections.splice(0, server.connections.length, ...used);
  }

  /** One request to each server in rotation that `takes` is true for; it lasts a while now and then. */
  traffic(random: Random): void {
    if (!this.serving) return;
    for (const backend of this.backends()) {
      for (const server of this.rotation(backend)) this.#request(server, random);
    }
  }

  #request(server: SimulatedServer, random: Random): void {
    const idle = server.connections.find((connection) => !connection.busy);
    const connection = idle ?? { target: targetOf(server), busy: false };
    if (idle === undefined) server.connections.push(connection);
    this.#options.observer.requested({ process: this, server, target: connection.target });
    if (!random.chance(0.2)) return;
    connection.busy = true;
    this.time.after(random.pick([5, 500, 5_000, 60_000, 300_000, 300_000]), () => {
      connection.busy = false;
      const left = connection.target !== targetOf(server);
      if (left && this.asynchronous) server.connections.splice(server.connections.indexOf(connection), 1);
    });
  }
}

export function isInRotation(server: Pick<SimulatedServer, 'admin' | 'weight'>): boolean {
  return (server.admin & (FORCED_MAINT | FORCED_DRAIN)) === 0 && server.weight > 0;
}

export function adminWord(admin: number): 'ready' | 'drain' | 'maint' {
  if ((admin & FORCED_MAINT) !== 0) return 'maint';
  return (admin & FORCED_DRAIN) !== 0 ? 'drain' : 'ready';
}

export function targetOf({ address, port }: { readonly address: string; readonly port: number }): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
