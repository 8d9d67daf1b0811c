/**
 * Consul as it is: what is registered, and what it says about that, which is not always the same. After a restart it
 * answers `[]`, then a part, then everything again (measured with 1.8.7).
 */

import { ConsulFailed } from '../../lib/consul/consul-failed.ts';
import { parseHealthEntries } from '../../lib/consul/health-entries.ts';
import type { ServiceEntry } from '../../lib/model/service-entry.ts';
import type { Sandbox } from './sandbox.ts';
import type { World } from './world.ts';

export interface Registration {
  readonly id: string;
  /** Empty: the node's address counts. */
  readonly address: string;
  readonly nodeAddress: string;
  readonly port: number;
  tags: readonly string[];
  weight: number;
  status: 'passing' | 'warning' | 'critical';
  maintenance: boolean;
}

type Mood = 'honest' | 'empty' | 'part' | 'stale' | 'down' | 'garbage' | 'silent';

/** How long a call to Consul may take; as in functions/wiring.ts. */
const TIMEOUT_MS = 5_000;

export class SimulatedConsul {
  readonly #world: World;
  readonly #services = new Map<string, Map<string, Registration>>();
  readonly #changed: (service: string) => void;
  #mood: Mood = 'honest';
  #index = 10;
  /** What it says while it is stale, by service. */
  readonly #past = new Map<string, readonly object[]>();

  constructor(world: World, services: readonly string[], changed: (service: string) => void) {
    this.#world = world;
    this.#changed = changed;
    for (const service of services) this.#services.set(service, new Map());
  }

  get index(): string {
    return String(this.#index);
  }

  services(): readonly string[] {
    return [...this.#services.keys()];
  }

  registrations(service: string): readonly Registration[] {
    return [...(this.#services.get(service)?.values() ?? [])];
  }

  register(service: string, registration: Registration): void {
    this.#services.get(service)?.set(registration.id, registration);
    this.#happened(service, `${registration.id} is registered at ${placeOf(registration)}`);
  }

  deregister(service: string, id: string): void {
    if (this.#services.get(service)?.delete(id) === true) this.#happened(service, `${id} is deregistered`);
  }

  /** @param what for the story. */
  change(service: string, id: string, what: string, change: (registration: Registration) => void): void {
    const registration = this.#services.get(service)?.get(id);
    if (registration === undefined) return;
    change(registration);
    this.#happened(service, `${id} ${what}`);
  }

  /** The agent or the servers restart: for a while Consul says other things than the truth. */
  async restart(lies: readonly { readonly mood: Mood; readonly forMs: number }[]): Promise<void> {
    for (const { mood, forMs } of lies) {
      if (!this.#world.faults) break;
      for (const service of this.services()) this.#past.set(service, this.#entries(service));
      this.#mood = mood;
      this.#index = Math.max(1, this.#index - 5);
      this.#world.tell(`Consul is ${mood} for ${forMs} ms`);
      for (const service of this.services()) this.#changed(service);
      await this.#world.time.wait(forMs);
    }
    this.becomeHonest();
  }

  becomeHonest(): void {
    if (this.#mood === 'honest') return;
    this.#mood = 'honest';
    this.#world.tell('Consul is honest again');
    for (const service of this.services()) this.#changed(service);
  }

  /** The body of `/v1/health/service/NAME`; null: there is none, for it does not answer. */
  body(service: string): string | null {
    switch (this.#mood) {
      case 'down':
      case 'silent':
        return null;
      case 'garbage':
        return '{"error":"not what you think"}';
      case 'stale':
        return JSON.stringify(this.#past.get(service) ?? []);
      default:
        return JSON.stringify(this.#entries(service));
    }
  }

  /** As a worker's reader sees it. @throws ConsulFailed */
  readBy(sandbox: Sandbox): (service: string) => Promise<{ readonly entries: readonly ServiceEntry[] }> {
    return (service) =>
      sandbox.whileAlive(async () => {
        await this.#world.time.wait(this.#mood === 'silent' ? TIMEOUT_MS : this.#world.random.between(1, 8));
        const call = `GET /v1/health/service/${service} at http://consul`;
        const body = this.#world.fault(0.02) ? null : this.body(service);
        if (body === null) throw new ConsulFailed(call, 'answered 500: No cluster leader', 500);
        await this.#world.time.wait(this.#world.random.between(1, 8));
        try {
          const entries = parseHealthEntries(JSON.parse(body));
          this.#world.tell(`${sandbox.name} reads ${entries.length} entries of ${service}`);
          return { entries };
        } catch (error) {
          throw new ConsulFailed(call, String(error), 200);
        }
      });
  }

  #happened(service: string, what: string): void {
    this.#index += 1;
    this.#world.tell(`Consul: ${service} ${what}`);
    this.#changed(service);
  }

  #entries(service: string): readonly object[] {
    const all = this.#world.random.fork(`order ${this.#index}`).shuffled(this.registrations(service));
    if (this.#mood === 'empty') return [];
    const shown = this.#mood === 'part' ? all.slice(0, Math.ceil(all.length / 3)) : all;
    return shown.map((registration) => entryOf(service, registration));
  }
}

function placeOf({ address, nodeAddress, port }: Registration): string {
  return JSON.stringify(`${address || nodeAddress}:${port}`);
}

function entryOf(service: string, registration: Registration): object {
  const { id, address, nodeAddress, port, tags, weight, status, maintenance } = registration;
  const checks = [{ Node: 'node', CheckID: `service:${id}`, Status: status, Output: '' }];
  if (maintenance) {
    checks.push({ Node: 'node', CheckID: `_service_maintenance:${id}`, Status: 'critical', Output: '' });
  }
  return {
    Node: { ID: '', Node: 'node', Address: nodeAddress, Datacenter: 'dc1' },
    Service: {
      ID: id,
      Service: service,
      Tags: tags,
      Address: address,
      Port: port,
      Weights: { Passing: weight, Warning: 1 },
    },
    Checks: checks,
  };
}
