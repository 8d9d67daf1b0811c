/**
 * The verdicts on a backend's slots as steps, in an order that never hurts.
 *
 * HAProxy 3.0 and newer apply addresses asynchronously: `state ready` sent right behind an address lets requests
 * through to the old one (measured on 3.0 and 3.2). So a stage sets addresses, is read back, and only the next one
 * sets states. And new servers are in rotation before old ones leave it.
 */

import type { RuntimeCommand } from '../model/command.ts';
import type { EndpointAddress } from '../model/endpoint.ts';
import type { ObservedServer } from '../model/observed.ts';
import type { Expectation, Stage, Step } from '../model/plan.ts';
import type { SlotRules, Verdict } from './judge-slot.ts';
import { isInRotation } from './last-server.ts';

type AddServer = Extract<RuntimeCommand, { kind: 'add-server' }>;

/** One slot's verdict, with what HAProxy showed. */
export interface Judged {
  readonly seen: ObservedServer;
  readonly verdict: Exclude<Verdict, { kind: 'settled' | 'held' | 'blocked' }>;
  /** Null: the instance has the slot. Otherwise what makes it, and `seen` is how it is then. */
  readonly growth: AddServer | null;
  /** Nobody needs the slot's server any more, and it may be deleted. */
  readonly deletable: boolean;
}

type Arrival = Extract<Verdict, { kind: 'add' | 'replace' | 'ready' }>;

/** A slot that serves somebody else than it should. */
interface Replaced {
  readonly seen: ObservedServer;
  readonly verdict: Arrival;
}

/** What each slot needs, by kind; the order of the stages is the order in which nothing is lost. Without empty stages. */
export function stagesOf(
  judged: readonly Judged[],
  servers: readonly ObservedServer[],
  rules: SlotRules,
): Stage[] {
  const grown: Step[] = [];
  const make: { first: Step[]; second: Step[] } = { first: [], second: [] };
  const restored: Step[] = [];
  const leave: Step[] = [];
  const away: Step[] = [];
  const finish: Step[] = [];
  const replaced: Replaced[] = [];

  for (const { seen, verdict, growth, deletable } of judged) {
    if (growth !== null) grown.push(addition(seen, growth));
    switch (verdict.kind) {
      case 'add':
        make.first.push(readdress(seen, verdict.endpoint));
        make.second.push(intoState(seen, verdict));
        break;
      case 'ready':
        // First of all, while its neighbours still show that this is a template's address and not an operator's doing.
        if (seen.weight !== 0) make.first.unshift(step(seen, [MARK], { weight: 0 }));
        make.second.push(intoState(seen, verdict));
        break;
      case 'weight':
        make.second.push(
          step(seen, [setWeight(verdict.weight)], {
            ...addressOf(seen),
            admin: seen.admin,
            weight: verdict.weight,
          }),
        );
        break;
      case 'restore':
        restored.push(step(seen, [setState(verdict.state)], { admin: verdict.state }));
        break;
      case 'drain':
        leave.push(leaveRotation(seen, 'drain'));
        finish.push({ ...park(seen, rules), whenIdle: true });
        break;
      case 'remove':
        if (seen.admin !== 'drain' || seen.weight !== 0) leave.push(leaveRotation(seen, 'maint'));
        away.push(park(seen, rules));
        if (deletable) finish.push(deletion(seen));
        break;
      case 'park':
        leave.push(park(seen, rules));
        if (deletable) finish.push(deletion(seen));
        break;
      case 'delete':
        finish.push(deletion(seen));
        break;
      case 'replace':
        replaced.push({ seen, verdict });
    }
  }

  const coming = make.second.filter(({ expect }) => expect.weight !== 0).length;
  const stages: Stage[] = [
    { phase: 'make', steps: grown },
    { phase: 'make', steps: make.first },
    { phase: 'make', steps: make.second },
    ...replaceInTurn(replaced, servers.filter(isInRotation).length + coming),
    // What an operator took out is out again even if nobody is left: so no `break` stage, which would be held back.
    { phase: 'make', steps: restored },
    { phase: 'break', steps: leave },
    { phase: 'break', steps: away },
    { phase: 'break', steps: finish },
  ];
  return stages.filter((stage) => stage.steps.length > 0);
}

/**
 * In turns of at most half of the rotation, so that a backend whose slots all change hands keeps the other half; those
 * that serve nobody change with the first turn. Where there is nothing to halve, the only server changes its address
 * while it serves: it is never missing, and until then it is the old one. (Before HAProxy 3.0, a request under way at
 * that moment leaves a connection to the old address behind.)
 *
 * @param rotation how many servers are in rotation by then: those that the stages before bring there, too.
 */
function replaceInTurn(replaced: readonly Replaced[], rotation: number): Stage[] {
  const [only] = replaced;
  if (only?.verdict.state === 'ready' && replaced.length === 1 && rotation === 1 && isInRotation(only.seen)) {
    return [{ phase: 'make', steps: [replaceLive(only)] }];
  }
  const idle = replaced.filter(({ seen }) => !isInRotation(seen));
  const live = replaced.filter(({ seen }) => isInRotation(seen));
  const half = Math.floor(rotation / 2);
  const turns = [[...idle, ...live.splice(0, idle.length > 0 ? half : Math.max(1, half))]];
  const share = Math.max(1, Math.floor((rotation + idle.length) / 2));
  while (live.length > 0) turns.push(live.splice(0, share));
  return turns.flatMap((turn): Stage[] => [
    { phase: 'break', steps: turn.map(({ seen }) => leaveRotation(seen, 'maint')) },
    { phase: 'make', steps: turn.map(({ seen, verdict }) => readdress(seen, verdict.endpoint)) },
    { phase: 'make', steps: turn.map(({ seen, verdict }) => intoState(seen, verdict)) },
  ]);
}

/** A command that still lacks its server. */
type Unaddressed<C = RuntimeCommand> = C extends RuntimeCommand ? Omit<C, 'backend' | 'server'> : never;

/**
 * Also said of a server that has weight 0 already: another pass may be about to make it ready, and without the mark it
 * would look as if an operator had taken it out.
 */
const MARK: Unaddressed = { kind: 'set-weight', weight: 0 };

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

/** `seen` is how the server will be shown. */
function addition(seen: ObservedServer, command: AddServer): Step {
  const { backend, server, admin, weight } = seen;
  const expect: Expectation = { ...addressOf(seen), admin, weight };
  return { backend, slot: server, commands: [command], expect };
}

function deletion(seen: ObservedServer): Step {
  return { ...step(seen, [{ kind: 'del-server' }], { absent: true }), whenIdle: true };
}

/** Marked again behind the state: another pass may have given the server its weight in between. */
function leaveRotation(seen: ObservedServer, state: 'drain' | 'maint'): Step {
  return step(seen, [MARK, setState(state), MARK], { admin: state, weight: 0 });
}

/** For a server in maintenance, or one that the stage before put there. */
function readdress(seen: ObservedServer, endpoint: EndpointAddress): Step {
  const expect: Expectation = { ...addressOf(endpoint), admin: 'maint', weight: 0 };
  return { ...step(seen, [MARK, setAddress(endpoint)], expect), changesHands: true };
}

/** The last step of an arrival: in rotation, unless an operator held the endpoint. */
function intoState(seen: ObservedServer, { endpoint, weight, state }: Arrival): Step {
  const checks = checksOf(seen);
  const expect: Expectation = { ...addressOf(endpoint), admin: state, weight, ...checks.expect };
  return step(seen, [...checks.commands, setState(state), setWeight(weight)], expect);
}

/** The checks of a server that was added run only from here on: made ready without them, it would count as up for ever. */
function checksOf({ forcedId, healthCheck, agentCheck }: ObservedServer): {
  readonly commands: readonly Unaddressed[];
  readonly expect: Expectation;
} {
  const health = forcedId && healthCheck === 'disabled';
  const agent = forcedId && agentCheck === 'disabled';
  return {
    commands: [
      ...(health ? [{ kind: 'enable-health' } as const] : []),
      ...(agent ? [{ kind: 'enable-agent' } as const] : []),
    ],
    expect: {
      ...(health ? { healthCheck: 'enabled' } : {}),
      ...(agent ? { agentCheck: 'enabled' } : {}),
    },
  };
}

function replaceLive({ seen, verdict: { endpoint, weight } }: Replaced): Step {
  const expect: Expectation = { ...addressOf(endpoint), admin: 'ready', weight };
  return step(seen, [setAddress(endpoint), setWeight(weight)], expect);
}

/**
 * For a server in maint, or in drain and without sessions. One that serves leaves rotation a stage earlier: a request
 * that was given to it just before may take the address that it has a moment later (seen on 2.2 under load: one request
 * at the placeholder in some 20,000 removals, and none since the stages are two). It stays at our mark, so that whoever
 * gets the slot next finds no weight that an operator could have left.
 */
function park(seen: ObservedServer, { placeholder }: SlotRules): Step {
  const expect: Expectation = { ...addressOf(placeholder), admin: 'maint', weight: 0 };
  // All of it, whatever was read: an operator may have made the server ready since.
  return step(seen, [setState('maint'), setAddress(placeholder), MARK], expect);
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
