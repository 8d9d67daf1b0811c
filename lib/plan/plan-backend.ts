/**
 * The plan for one backend on one instance: verdicts on its slots, put in an order that never hurts.
 *
 * HAProxy 3.0 and newer apply addresses asynchronously: `state ready` sent right behind an address lets requests
 * through to the old one (measured on 3.0 and 3.2). So a stage sets addresses, is read back, and only the next one
 * sets states. And new servers are in rotation before old ones leave it.
 */

import type { RuntimeCommand } from '../model/command.ts';
import { type EndpointAddress, endpointKey, sameEndpoint } from '../model/endpoint.ts';
import type { BackendPolicy } from '../model/fleet.ts';
import type { ObservedServer } from '../model/observed.ts';
import type { Change, Expectation, Plan, Problem, Stage, Step } from '../model/plan.ts';
import type { OperatorHeld } from '../model/report.ts';
import { type BackendSlots, isUntouched, slotName } from '../model/slot-table.ts';
import { judgeSlot, type SlotRules, type Verdict } from './judge-slot.ts';

export interface BackendObservation {
  /** By server name; includes servers that are not slots. */
  readonly servers: ReadonlyMap<string, ObservedServer>;
  /** What operators held on an earlier process of this instance; empty while the process is the same. */
  readonly heldBefore: readonly OperatorHeld[];
  /** Current sessions by server name; a server that is absent counts as busy. */
  readonly sessions: ReadonlyMap<string, number>;
}

/** A slot that serves somebody else than it should. */
interface Replaced {
  readonly seen: ObservedServer;
  readonly endpoint: EndpointAddress;
  readonly weight: number;
}

/** One slot's verdict, with what HAProxy showed. */
interface Judged {
  readonly seen: ObservedServer;
  readonly verdict: Exclude<Verdict, { kind: 'settled' | 'held' | 'blocked' }>;
}

export function planBackend(
  policy: BackendPolicy,
  table: BackendSlots,
  observation: BackendObservation,
): Plan {
  if (observation.servers.size === 0) return { ...NOTHING, problems: [noSuchBackend(policy)] };
  if (isUntouched(table)) return NOTHING;
  const rules = rulesOf(policy, table, observation);
  const judged: Judged[] = [];
  const operatorHeld: OperatorHeld[] = [];
  const missingSlots: string[] = [];
  const problems: Problem[] = [];

  for (const [index, slot] of table.slots.entries()) {
    const name = slotName(table, index + 1);
    const seen = observation.servers.get(name);
    if (seen === undefined) {
      if (slot.state === 'serving') missingSlots.push(`${policy.backend}/${name}`);
      continue;
    }
    const before = observation.heldBefore.find((held) => held.slot === name && sameEndpoint(held, seen));
    const idle = observation.sessions.get(name) === 0;
    const verdict = judgeSlot(slot, seen, rules, { heldBefore: before?.state ?? null, idle });
    if (verdict.kind === 'settled') continue;
    if (verdict.kind === 'blocked')
      problems.push({ backend: policy.backend, slot: name, reason: verdict.reason });
    else if (verdict.kind === 'held') operatorHeld.push(held(policy, name, verdict.endpoint, verdict.state));
    else judged.push({ seen, verdict });
    if (verdict.kind === 'restore') operatorHeld.push(held(policy, name, verdict.endpoint, verdict.state));
  }
  return {
    changes: judged.map(changeOf),
    stages: stagesOf(judged, observation, rules).filter((stage) => stage.steps.length > 0),
    operatorHeld,
    missingSlots,
    problems,
  };
}

const NOTHING: Plan = { changes: [], stages: [], operatorHeld: [], missingSlots: [], problems: [] };

function noSuchBackend({ backend }: BackendPolicy): Problem {
  const reason = `HAProxy has no backend ${backend} with servers; add it to its configuration or take it out of hitless.yml`;
  return { backend, slot: null, reason };
}

function held(
  { backend }: BackendPolicy,
  slot: string,
  { address, port }: EndpointAddress,
  state: 'drain' | 'maint',
): OperatorHeld {
  return { backend, slot, address, port, state };
}

function rulesOf(policy: BackendPolicy, table: BackendSlots, { servers }: BackendObservation): SlotRules {
  const slots = table.slots.flatMap((_, index) => servers.get(slotName(table, index + 1)) ?? []);
  const crowd = new Map<string, number>();
  for (const seen of slots) {
    if (seen.admin === 'maint' && seen.weight > 0)
      crowd.set(endpointKey(seen), (crowd.get(endpointKey(seen)) ?? 0) + 1);
  }
  // A slot that was rendered while it drained has the configured weight 0; its neighbours tell the real one.
  const configured = Math.max(0, ...slots.map((seen) => seen.configuredWeight));
  return {
    placeholder: policy.placeholder,
    standardWeight: policy.weights ? 1 : configured || 1,
    isTemplateAddress: (endpoint) =>
      sameEndpoint(endpoint, policy.placeholder) || (crowd.get(endpointKey(endpoint)) ?? 0) > 1,
  };
}

function changeOf({ seen, verdict }: Judged): Change {
  const { address, port } = verdict.endpoint;
  const weight = 'weight' in verdict ? verdict.weight : null;
  return {
    kind: verdict.kind,
    backend: seen.backend,
    slot: seen.server,
    endpoint: { address, port },
    weight,
  };
}

/** What a slot needs, by kind; the order of the stages is the order in which nothing is lost. */
function stagesOf(judged: readonly Judged[], observation: BackendObservation, rules: SlotRules): Stage[] {
  const make: { first: Step[]; second: Step[] } = { first: [], second: [] };
  const leave: Step[] = [];
  const finish: Step[] = [];
  const replaced: Replaced[] = [];

  for (const { seen, verdict } of judged) {
    switch (verdict.kind) {
      case 'add':
        make.first.push(readdress(seen, verdict.endpoint));
        make.second.push(intoRotation(seen, verdict.endpoint, verdict.weight));
        break;
      case 'ready':
        // First of all, while its neighbours still show that this is a template's address and not an operator's doing.
        if (seen.weight !== 0) make.first.unshift(step(seen, mark(seen), { weight: 0 }));
        make.second.push(intoRotation(seen, verdict.endpoint, verdict.weight));
        break;
      case 'weight':
        make.second.push(
          step(seen, [setWeight(verdict.weight)], { ...addressOf(seen), weight: verdict.weight }),
        );
        break;
      case 'restore':
        leave.push(step(seen, [setState(verdict.state)], { admin: verdict.state }));
        break;
      case 'drain':
        leave.push(step(seen, [...mark(seen), setState('drain')], { admin: 'drain', weight: 0 }));
        finish.push({ ...park({ ...seen, admin: 'drain', weight: 0 }, rules), whenIdle: true });
        break;
      case 'remove':
      case 'park':
        leave.push(park(seen, rules));
        break;
      case 'replace':
        replaced.push({ seen, endpoint: verdict.endpoint, weight: verdict.weight });
    }
  }

  return [
    { phase: 'make', steps: make.first },
    { phase: 'make', steps: make.second },
    ...replaceInTurn(replaced, [...observation.servers.values()].filter(inRotation).length),
    { phase: 'break', steps: leave },
    { phase: 'break', steps: finish },
  ];
}

function inRotation(seen: ObservedServer): boolean {
  return seen.admin === 'ready' && seen.weight > 0;
}

/**
 * In two halves, so that a backend whose slots all change hands keeps half of its servers. Where there is nothing to
 * halve, the only server changes its address while it serves: it is never missing, and until then it is the old one.
 * (Before HAProxy 3.0, a request under way at that moment leaves a connection to the old address behind.)
 */
function replaceInTurn(replaced: readonly Replaced[], rotation: number): Stage[] {
  const [only] = replaced;
  if (only !== undefined && replaced.length === 1 && rotation === 1 && inRotation(only.seen)) {
    return [{ phase: 'make', steps: [replaceLive(only)] }];
  }
  const idleFirst = [...replaced].sort(
    (one, other) => Number(inRotation(one.seen)) - Number(inRotation(other.seen)),
  );
  const middle = Math.ceil(replaced.length / 2);
  return [idleFirst.slice(0, middle), idleFirst.slice(middle)].flatMap((half): Stage[] => [
    { phase: 'break', steps: half.map(({ seen }) => outOfRotation(seen)) },
    { phase: 'make', steps: half.map(({ seen, endpoint }) => readdress(seen, endpoint)) },
    { phase: 'make', steps: half.map(({ seen, endpoint, weight }) => intoRotation(seen, endpoint, weight)) },
  ]);
}

/** A command that still lacks its server. */
type Unaddressed<C = RuntimeCommand> = C extends RuntimeCommand ? Omit<C, 'backend' | 'server'> : never;

function step(
  { backend, server }: ObservedServer,
  commands: readonly Unaddressed[],
  expect: Expectation,
): Step {
  return {
    backend,
    slot: server,
    commands: commands.map((command) => ({ ...command, backend, server })),
    expect,
  };
}

function outOfRotation(seen: ObservedServer): Step {
  return step(seen, [...mark(seen), setState('maint')], { admin: 'maint', weight: 0 });
}

/** For a server in maintenance, or one that the stage before put there. */
function readdress(seen: ObservedServer, endpoint: EndpointAddress): Step {
  const marked = seen.admin === 'maint' ? mark(seen) : [];
  const expect: Expectation = { ...addressOf(endpoint), admin: 'maint', weight: 0 };
  return { ...step(seen, [...marked, setAddress(endpoint)], expect), changesHands: true };
}

function intoRotation(seen: ObservedServer, endpoint: EndpointAddress, weight: number): Step {
  const expect: Expectation = { ...addressOf(endpoint), admin: 'ready', weight };
  return step(seen, [setState('ready'), setWeight(weight)], expect);
}

function replaceLive({
  seen,
  endpoint,
  weight,
}: {
  seen: ObservedServer;
  endpoint: EndpointAddress;
  weight: number;
}) {
  const expect: Expectation = { ...addressOf(endpoint), admin: 'ready', weight };
  return step(seen, [setAddress(endpoint), setWeight(weight)], expect);
}

/** Out of rotation first: an address that changes under traffic costs requests (kubernetes-ingress issue 825). */
function park(seen: ObservedServer, { placeholder, standardWeight }: SlotRules): Step {
  const out = seen.admin === 'maint' ? [] : [...mark(seen), setState('maint')];
  const away = sameEndpoint(seen, placeholder) ? [] : [setAddress(placeholder)];
  const marked = seen.weight === standardWeight && out.length === 0;
  const expect: Expectation = { ...addressOf(placeholder), admin: 'maint', weight: standardWeight };
  return step(seen, [...out, ...away, ...(marked ? [] : [setWeight(standardWeight)])], expect);
}

function mark({ weight }: ObservedServer): Unaddressed[] {
  return weight === 0 ? [] : [setWeight(0)];
}

function setAddress(endpoint: EndpointAddress): Unaddressed {
  return { kind: 'set-addr', ...addressOf(endpoint) };
}

function setState(state: 'ready' | 'drain' | 'maint'): Unaddressed {
  return { kind: 'set-state', state };
}

function setWeight(weight: number): Unaddressed {
  return { kind: 'set-weight', weight };
}

function addressOf({ address, port }: EndpointAddress): EndpointAddress {
  return { address, port };
}
