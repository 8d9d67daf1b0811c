/** One stage of a plan, sent and read back. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Capabilities } from '../model/capabilities.ts';
import { endpointKey, sameEndpoint } from '../model/endpoint.ts';
import type { ObservedServer } from '../model/observed.ts';
import type { Problem, Stage, Step } from '../model/plan.ts';
import type { RuntimeSession, ServersState } from '../runtime-api/runtime-session.ts';
import { addServers } from './add-servers.ts';
import { type BySlot, observedBySlot } from './by-slot.ts';

/**
 * HAProxy 3.0 and newer apply addresses a moment after they answered (measured: a read on the same connection can
 * still show the old one). So an address that is not there yet is looked at again, for as long as this.
 */
const ADDRESS_SETTLES_MS = 1_000;
const LOOK_AGAIN_MS = 2;

export interface SentStage {
  /** As read back. */
  readonly state: ServersState;
  /** Commands sent. */
  readonly commands: number;
  /** Steps that HAProxy refused; several may share one problem. */
  readonly refused: ReadonlyMap<Step, Problem>;
  /** Of these, additions. */
  readonly notAdded: readonly Step[];
  /** Servers that HAProxy refused to delete: nobody needs them, so that is no problem. */
  readonly undeleted: readonly Step[];
  /** Steps that were accepted, and what was read back instead: somebody else changes the instance as well. */
  readonly different: ReadonlyMap<Step, string>;
}

/**
 * @param before what was read before the stage.
 * @throws SessionLost: what was done is unknown, and the next look finds out.
 */
export async function sendStage(
  session: RuntimeSession,
  able: Capabilities,
  { steps }: Stage,
  before: ServersState,
): Promise<SentStage> {
  const refused = new Map<Step, Problem>();
  const additions = steps.filter(isAddition);
  const added = await addServers(session, additions);
  for (const [step, problem] of added.refused) refused.set(step, problem);
  const others = steps.filter((step) => !isAddition(step));
  const tooEarly = able.setsAddressesLater && others.some(setsAddress);
  const [sent, first] = await Promise.all([
    sendSteps(session, others),
    tooEarly ? null : session.readServers(),
  ]);
  const undeleted: Step[] = [];
  for (const [step, reason] of sent.refused) {
    if (step.expect.absent === true) undeleted.push(step);
    else refused.set(step, { backend: step.backend, slot: step.slot, reason });
  }
  const accepted = steps.filter((step) => !refused.has(step));
  const read = await readBack(session, able, accepted, before, first);
  const different = new Map<Step, string>();
  for (const step of accepted) {
    const difference = differenceOf(step, read.servers.get(step));
    if (difference !== null) different.set(step, difference);
  }
  const commands = added.commands + sent.commands;
  return { state: read.state, commands, refused, notAdded: [...added.refused.keys()], undeleted, different };
}

function isAddition(step: Step): boolean {
  return step.commands.some((command) => command.kind === 'add-server');
}

function setsAddress(step: Step): boolean {
  return step.commands.some((command) => command.kind === 'set-addr');
}

/** The refused steps, with what HAProxy said first. */
async function sendSteps(session: RuntimeSession, steps: readonly Step[]) {
  const outcomes = await session.send(steps.flatMap((step) => step.commands));
  const refused = new Map<Step, string>();
  let at = 0;
  for (const step of steps) {
    const own = outcomes.slice(at, at + step.commands.length);
    at += step.commands.length;
    const refusal = own.find((outcome) => !outcome.done);
    if (refusal !== undefined && !refusal.done) refused.set(step, refusal.refused.message);
  }
  return { commands: outcomes.length, refused };
}

interface ReadBack {
  readonly state: ServersState;
  readonly servers: BySlot<ObservedServer>;
}

/** @param first what was read behind the commands already; null: that would have been too early. */
async function readBack(
  session: RuntimeSession,
  able: Capabilities,
  steps: readonly Step[],
  before: ServersState,
  first: ServersState | null,
): Promise<ReadBack> {
  const former = observedBySlot(before.servers);
  const deadlineMs = performance.now() + ADDRESS_SETTLES_MS;
  for (let state = first ?? (await session.readServers()); ; state = await session.readServers()) {
    const servers = observedBySlot(state.servers);
    const moving =
      able.setsAddressesLater && steps.some((step) => isMoving(step, servers.get(step), former.get(step)));
    if (!moving || performance.now() > deadlineMs) return { state, servers };
    await sleep(LOOK_AGAIN_MS);
  }
}

/** Still at its former address, and otherwise as asked for: with anything else, somebody else has changed it since. */
function isMoving({ expect }: Step, seen?: ObservedServer, former?: ObservedServer): boolean {
  const { address, port, admin, weight } = expect;
  if (address === undefined || port === undefined || seen === undefined) return false;
  if (sameEndpoint({ address, port }, seen)) return false;
  const ours = (admin ?? seen.admin) === seen.admin && (weight ?? seen.weight) === seen.weight;
  return ours && (former === undefined || sameEndpoint(former, seen));
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
