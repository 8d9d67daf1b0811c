/** Records and a minimal HAProxy (one backend's servers, commands applied at once) for tests of the plan. */

import { capabilitiesOf } from '../../lib/model/capabilities.ts';
import type { RuntimeCommand } from '../../lib/model/command.ts';
import type { EndpointAddress } from '../../lib/model/endpoint.ts';
import type { ObservedServer } from '../../lib/model/observed.ts';
import type { Plan, Stage } from '../../lib/model/plan.ts';
import type { HeldServer } from '../../lib/model/report.ts';
import type { BackendSlots, Slot } from '../../lib/model/slot-table.ts';
import type { InstanceMemory } from '../../lib/plan/instance-memory.ts';
import { planBackend } from '../../lib/plan/plan-backend.ts';
import { policy } from '../slots/records.ts';

export const PLACEHOLDER: EndpointAddress = { address: '0.0.0.0', port: 80 };

const MASK = { ready: 0, drain: 8, maint: 1 };

/** A slot of be_template as an instance shows it: parked, in maint, weight 1, unless told otherwise. */
export function seen(number: number, differs: Partial<ObservedServer> = {}): ObservedServer {
  const admin = differs.admin ?? 'maint';
  return {
    backend: 'be_template',
    server: `websrv${number}`,
    ...PLACEHOLDER,
    admin,
    adminMask: MASK[admin],
    operational: admin === 'maint' ? 'stopped' : 'running',
    weight: 1,
    configuredWeight: 1,
    id: number,
    forcedId: false,
    healthCheck: 'enabled',
    agentCheck: 'none',
    ssl: false,
    ...differs,
  };
}

export function table(...slots: readonly Slot[]): BackendSlots {
  return { service: 'my-cluster', server: 'websrv', slots, departures: [], refused: [] };
}

export function serving(endpoint: EndpointAddress, weight: number | null = 1): Slot {
  const { address, port } = endpoint;
  return { state: 'serving', address, port, weight, sinceMs: 1, withheld: null };
}

export function draining(endpoint: EndpointAddress): Slot {
  const { address, port } = endpoint;
  return { state: 'draining', address, port, weight: 1, sinceMs: 1, untilMs: 30_001 };
}

/** Somebody had it once: a table in which nobody ever had a slot says nothing. */
export const FREE: Slot = { state: 'free', freedAtMs: 1, last: null };

/** Every slot has been in rotation, and nobody was held. */
export const REMEMBERED: InstanceMemory = { held: [], isVerified: () => true, undeletable: new Set() };

/** The same, with a hold that was seen on an earlier process. */
export function heldBefore(...held: readonly HeldServer[]): { readonly memory: InstanceMemory } {
  return { memory: { ...REMEMBERED, held: held.map((one) => ({ ...one, here: false })) } };
}

export function planOf(
  slots: BackendSlots,
  servers: readonly ObservedServer[],
  differs: Partial<Parameters<typeof planBackend>[2]> = {},
  rules = policy(),
): Plan {
  const able = capabilitiesOf('3.2.26');
  const observation = {
    ...{ servers: byName(servers), memory: REMEMBERED, sessions: new Map(), able },
    ...{ skips: new Set<string>(), ownWeights: new Set<string>() },
    ...differs,
  };
  return planBackend(rules, slots, observation);
}

export function byName(servers: readonly ObservedServer[]): Map<string, ObservedServer> {
  return new Map(servers.map((server) => [server.server, server]));
}

/** What the servers show after one command. */
export function after(servers: readonly ObservedServer[], command: RuntimeCommand): ObservedServer[] {
  if (command.kind === 'add-server') return [...servers, added(command)];
  if (command.kind === 'del-server') return servers.filter((server) => server.server !== command.server);
  return servers.map((server) => (server.server === command.server ? changed(server, command) : server));
}

type OfKind<K extends RuntimeCommand['kind']> = Extract<RuntimeCommand, { kind: K }>;

/** As 2.6 to 3.2 show it; `check` in its options, and the check does not run yet. */
function added({
  backend,
  server,
  address,
  port,
  weight,
  id,
  options,
}: OfKind<'add-server'>): ObservedServer {
  const [number = '0'] = /\d+$/.exec(server) ?? [];
  const checked = options.split(' ').includes('check');
  return seen(Number(number), {
    ...{ backend, server, address, port, weight, configuredWeight: weight, id, forcedId: true },
    healthCheck: checked ? 'disabled' : 'none',
  });
}

type Changing = Exclude<RuntimeCommand, { kind: 'add-server' | 'del-server' }>;

function changed(server: ObservedServer, command: Changing): ObservedServer {
  switch (command.kind) {
    case 'enable-health':
      return { ...server, healthCheck: 'enabled' };
    case 'enable-agent':
      return { ...server, agentCheck: 'enabled' };
    case 'set-addr':
      return { ...server, address: command.address, port: command.port };
    case 'set-weight':
      return { ...server, weight: command.weight };
    case 'set-state':
      return { ...server, admin: command.state, adminMask: MASK[command.state] };
  }
}

/** What is sent: while somebody is connected everywhere, or while nobody is. */
export function commandsOf(stages: readonly Stage[], servers: 'busy' | 'idle' = 'busy'): RuntimeCommand[] {
  return stages.flatMap((stage) =>
    stage.steps.flatMap((step) => (step.whenIdle && servers === 'busy' ? [] : step.commands)),
  );
}

/** `set-addr websrv1 10.0.0.1:8080`, for reading in a test. */
export function worded(command: RuntimeCommand): string {
  switch (command.kind) {
    case 'set-addr':
      return `${command.server} addr ${command.address}:${command.port}`;
    case 'set-weight':
      return `${command.server} weight ${command.weight}`;
    case 'set-state':
      return `${command.server} ${command.state}`;
    case 'add-server':
      return `add ${command.server} ${command.address}:${command.port} weight ${command.weight} id ${command.id}`;
    case 'enable-health':
    case 'enable-agent':
    case 'del-server':
      return `${command.kind} ${command.server}`;
  }
}
