/** Step three of a pass: a plan's stages, sent one after the other, each read back before the next. */

import { setTimeout as sleep } from 'node:timers/promises';
import { capabilitiesOf } from '../model/capabilities.ts';
import { endpointKey, sameEndpoint } from '../model/endpoint.ts';
import type { ObservedServer } from '../model/observed.ts';
import type { Plan, Problem, Stage, Step } from '../model/plan.ts';
import type { RuntimeSession, ServersState } from '../runtime-api/runtime-session.ts';
import { addServers } from './add-servers.ts';
import { BySlot, observedBySlot } from './by-slot.ts';
import { slotsInUse, waitForRequests } from './former-connections.ts';

/**
 * HAProxy 3.0 and newer apply addresses a moment after they answered (measured: a read on the same connection can
 * still show the old one). So an address that is not there yet is looked at again, for as long as this.
 */
const ADDRESS_SETTLES_MS = 1_000;
const LOOK_AGAIN_MS = 2;

export interface CarriedOut {
  /** The state after the last stage; `before` when there was nothing to do. */
  readonly state: ServersState;
  /** Commands sent that change something. */
  readonly commands: number;
  /** Everything that was refused, not read back, or held back so that no backend is left without a server. */
  readonly problems: readonly Problem[];
  /** Slots that were to get a server and got none, as `backend/server`; `problems` say why. */
  readonly missingSlots: readonly string[];
}

/**
 * A slot that somebody is still connected to changes hands last, so that the others do not wait for it.
 *
 * @param haproxy the instance's version, as `show info` has it.
 * @throws SessionLost: what was done is unknown, and the next pass finds out.
 */
export async function carryOut(
  session: RuntimeSession,
  haproxy: string,
  plan: Plan,
  before: ServersState,
): Promise<CarriedOut> {
  const failed = new BySlot<Problem>();
  const fail = (step: Step, reason: string) => {
    failed.set(step, { backend: step.backend, slot: step.slot, reason });
  };
  const wanted = new Set(plan.serving);
  const missingSlots: string[] = [];
  let state = before;
  let commands = 0;

  const add = async (steps: readonly Step[]) => {
    const added = await addServers(session, steps);
    commands += added.commands;
    for (const [step, problem] of added.refused) {
      failed.set(step, problem);
      missingSlots.push(`${step.backend}/${step.slot}`);
    }
  };

  const send = async (stage: Stage) => {
    const due = stage.steps.filter((step) => !failed.has(step));
    const possible = await withoutBusy(session, due);
    const steps = keepRotation({ ...stage, steps: possible }, wanted, state.servers, fail);
    if (steps.length === 0) return;
    await add(steps.filter(isAddition));
    const others = steps.filter((step) => !isAddition(step));
    const tooEarly = capabilitiesOf(haproxy).setsAddressesLater && others.some(setsAddress);
    const [sentCommands, first] = await Promise.all([
      sendSteps(session, others, fail),
      tooEarly ? null : session.readServers(),
    ]);
    commands += sentCommands;
    const accepted = steps.filter((step) => !failed.has(step));
    const read = await readBack(session, accepted, first);
    state = read.state;
    for (const step of accepted) {
      const difference = differenceOf(step, read.servers.get(step));
      if (difference !== null) fail(step, `read back ${difference}`);
    }
  };

  const late = new BySlot<number>();
  const lateStages: Stage[] = [];
  for (const stage of plan.stages) {
    for (const [slot, count] of await slotsInUse(session, haproxy, stage.steps)) late.set(slot, count);
    lateStages.push({ ...stage, steps: stage.steps.filter((step) => late.has(step)) });
    await send({ ...stage, steps: stage.steps.filter((step) => !late.has(step)) });
  }
  for (const stage of lateStages) {
    for (const [step, count] of await waitForRequests(session, haproxy, stage.steps))
      fail(step, `${count} connections to its former endpoint are in use; it waits for their end`);
    await send(stage);
  }
  return { state, commands, problems: [...new Set(failed.values())], missingSlots };
}

function isAddition(step: Step): boolean {
  return step.commands.some((command) => command.kind === 'add-server');
}

function setsAddress(step: Step): boolean {
  return step.commands.some((command) => command.kind === 'set-addr');
}

/** Leaves out what is only for servers without sessions and has some. */
async function withoutBusy(session: RuntimeSession, steps: readonly Step[]): Promise<readonly Step[]> {
  const sessions = new BySlot<number>();
  for (const backend of new Set(steps.filter((step) => step.whenIdle).map((step) => step.backend))) {
    for (const [slot, count] of await session.readSessions(backend)) sessions.set({ backend, slot }, count);
  }
  return steps.filter((step) => step.whenIdle !== true || sessions.get(step) === 0);
}

/** Returns how many commands it sent. */
async function sendSteps(
  session: RuntimeSession,
  steps: readonly Step[],
  fail: (step: Step, reason: string) => void,
): Promise<number> {
  const outcomes = await session.send(steps.flatMap((step) => step.commands));
  let at = 0;
  for (const step of steps) {
    const own = outcomes.slice(at, at + step.commands.length);
    at += step.commands.length;
    const refusal = own.find((outcome) => !outcome.done);
    // A server that is not wanted any more is in nobody's way: a later pass deletes it.
    if (refusal !== undefined && !refusal.done && step.expect.absent !== true)
      fail(step, refusal.refused.message);
  }
  return outcomes.length;
}

/**
 * New servers may have failed to come; then the old ones must not go. A stage that would take the last server of a
 * backend out of rotation does not take place for that backend, unless the table wants it empty: Consul has nobody,
 * and the policy or an operator said that this is meant.
 */
function keepRotation(
  stage: Stage,
  wanted: ReadonlySet<string>,
  servers: readonly ObservedServer[],
  fail: (step: Step, reason: string) => void,
): readonly Step[] {
  if (stage.phase === 'make') return stage.steps;
  const inRotation = servers.filter((server) => server.admin === 'ready' && server.weight > 0);
  const byBackend = Map.groupBy(stage.steps, (step) => step.backend);
  return [...byBackend].flatMap(([backend, steps]) => {
    const rotation = inRotation.filter((server) => server.backend === backend).map((server) => server.server);
    const leaving = new Set(steps.map((step) => step.slot));
    if (!wanted.has(backend) || rotation.length === 0) return steps;
    if (rotation.some((server) => !leaving.has(server))) return steps;
    for (const step of steps) fail(step, 'held back: no other server of the backend is in rotation');
    return [];
  });
}

interface ReadBack {
  readonly state: ServersState;
  readonly servers: BySlot<ObservedServer>;
}

/** @param first what was read behind the commands already; null: that would have been too early. */
async function readBack(
  session: RuntimeSession,
  steps: readonly Step[],
  first: ServersState | null,
): Promise<ReadBack> {
  const deadlineMs = performance.now() + ADDRESS_SETTLES_MS;
  for (let state = first ?? (await session.readServers()); ; state = await session.readServers()) {
    const servers = observedBySlot(state.servers);
    const moving = steps.some((step) => isMoving(step, servers.get(step)));
    if (!moving || performance.now() > deadlineMs) return { state, servers };
    await sleep(LOOK_AGAIN_MS);
  }
}

function isMoving({ expect }: Step, seen: ObservedServer | undefined): boolean {
  const { address, port } = expect;
  if (address === undefined || port === undefined || seen === undefined) return false;
  return !sameEndpoint({ address, port }, seen);
}

/** What HAProxy shows instead of what was asked for; null when all is as it should be. */
function differenceOf({ expect }: Step, seen: ObservedServer | undefined): string | null {
  if (expect.absent === true) return null;
  if (seen === undefined) return 'no such server any more';
  const { address = seen.address, port = seen.port, admin = seen.admin, weight = seen.weight } = expect;
  if (!sameEndpoint({ address, port }, seen))
    return `${endpointKey(seen)} instead of ${endpointKey({ address, port })}`;
  if (admin !== seen.admin) return `${seen.admin} instead of ${admin}`;
  if (weight !== seen.weight) return `weight ${seen.weight} instead of ${weight}`;
  if ((expect.healthCheck ?? seen.healthCheck) !== seen.healthCheck) return 'its health checks do not run';
  return (expect.agentCheck ?? seen.agentCheck) === seen.agentCheck ? null : 'its agent checks do not run';
}
