/** One step of the demo: something happens in Consul or to a machine, and what follows is measured and verified. */

import type { LocalInstance, LocalSystem } from '../system.ts';
import type { WebServer } from '../web-server.ts';
import type { Activity } from './activity.ts';
import type { Claims } from './claims.ts';
import { nowMs } from './clock.ts';
import { allLeft, allServe, allSettled, pairOf, watched } from './follow.ts';
import { firstDifference, pidOf, serversOf, startFromPublished } from './slots.ts';
import type { Answer, Traffic } from './traffic.ts';

export interface Stage {
  readonly system: LocalSystem;
  readonly traffic: Traffic;
  readonly activity: Activity;
  readonly claims: Claims;
  /** Pids of the HAProxies by instance name, as they should be. */
  readonly pids: Map<string, number>;
}

export interface StepPlan {
  /** Short, for the table: `0 → 3`. */
  readonly name: string;
  readonly comes?: readonly WebServer[];
  readonly goes?: readonly WebServer[];
  /** Nothing new, but every load balancer must serve them. */
  readonly stays?: readonly WebServer[];
  /** Instances that are down; all others must follow. */
  readonly down?: readonly LocalInstance[];
  /** What happens. */
  readonly act: () => Promise<unknown>;
}

/** Times are milliseconds from the moment before `act`. */
export interface StepResult {
  readonly name: string;
  /** Until the first request that one of the new servers served; null: none came. */
  readonly firstMs: number | null;
  /** Until the last request that one of the leaving servers served; null: none left. */
  readonly lastMs: number | null;
  /** Until every load balancer had followed: new servers had served through it, leaving ones were out of rotation. */
  readonly everywhereMs: number | null;
  /** Runtime API commands by instance. */
  readonly commands: ReadonlyMap<string, number>;
  readonly reloads: number;
  readonly requests: number;
  readonly failed: number;
  /** Between two instances; null: equal. */
  readonly slotsDiffer: string | null;
  /** Between the running state and an HAProxy that starts from the published file; null: equal. */
  readonly fileDiffers: string | null;
  readonly generation: number;
  /** What the functions logged as wrong; they may have put it right since. */
  readonly errors: readonly string[];
}

/** What a load balancer had sent to a server before that left may be answered a moment after. */
const UNDER_WAY_MS = 500;

/**
 * Acts, waits until everybody followed, drains are over and the functions are done, and compares.
 *
 * @throws Error naming what did not happen within 20 seconds.
 */
export async function runStep(stage: Stage, plan: StepPlan): Promise<StepResult> {
  const { system, traffic, activity, claims } = stage;
  const { comes = [], goes = [], stays = [], down = [] } = plan;
  const up = system.instances.filter((instance) => !down.includes(instance));
  const from = traffic.answers.length;
  const mark = activity.mark();

  const startedMs = nowMs();
  await plan.act();
  await allServe(traffic, from, up, [...comes, ...stays]);
  await allLeft(up, goes);
  const outMs = nowMs();
  const generation = await allSettled(system, activity, mark);
  await watched(traffic, up);

  const answers = traffic.answers.slice(from);
  const by = (servers: readonly WebServer[]) =>
    answers.filter(({ server }) => servers.some(({ name }) => name === server));
  const arrivals = firstOfEach(by(comes));
  const lastMs = Math.max(startedMs, ...by(goes).map(({ atMs }) => atMs));
  const followed = goes.length === 0 ? arrivals : [...arrivals, outMs];
  const result: StepResult = {
    name: plan.name,
    firstMs: arrivals.length === 0 ? null : Math.min(...arrivals) - startedMs,
    lastMs: goes.length === 0 ? null : lastMs - startedMs,
    everywhereMs: followed.length === 0 ? null : Math.max(...followed) - startedMs,
    commands: activity.commandsSince(mark),
    reloads: await countReloads(stage, up),
    requests: answers.length,
    failed: answers.filter(({ failure }) => failure !== null).length,
    ...(await compared(system, up, generation)),
    generation,
    errors: activity.errorsSince(mark),
  };
  claim(claims, result, answers.find(({ failure }) => failure !== null)?.failure ?? '');
  if (goes.length > 0) {
    const late = lastMs > outMs + UNDER_WAY_MS ? `one did ${Math.round(lastMs - outMs)} ms after` : null;
    claims.add(plan.name, 'no request reached a server that had left', late);
  }
  return result;
}

/** The moment of the first answer for every pair of load balancer and server. */
function firstOfEach(answers: readonly Answer[]): number[] {
  const pairs = Map.groupBy(answers, pairOf);
  return [...pairs.values()].map((own) => Math.min(...own.map(({ atMs }) => atMs)));
}

/** A reload has a new process; its pid is taken over, so that it counts once. */
async function countReloads({ pids }: Stage, instances: readonly LocalInstance[]): Promise<number> {
  let reloads = 0;
  for (const { name, haproxy } of instances) {
    const pid = await pidOf(haproxy);
    if (pid !== pids.get(name)) reloads += 1;
    pids.set(name, pid);
  }
  return reloads;
}

async function compared(
  { store }: LocalSystem,
  instances: readonly LocalInstance[],
  generation: number,
): Promise<Pick<StepResult, 'slotsDiffer' | 'fileDiffers'>> {
  const published = await startFromPublished(store);
  const [first, ...others] = await Promise.all(
    instances.map(async ({ name, haproxy }) => ({ name, servers: await serversOf(haproxy) })),
  );
  const reference = first?.servers ?? [];
  const differences = others.flatMap(({ name, servers }) => {
    const difference = firstDifference(reference, servers);
    return difference === null ? [] : [`${first?.name} / ${name}: ${difference}`];
  });
  const isCurrent = published.generation === generation;
  return {
    slotsDiffer: differences[0] ?? null,
    fileDiffers: isCurrent
      ? firstDifference(reference, published.servers)
      : `it is generation ${published.generation}, not ${generation}`,
  };
}

function claim(claims: Claims, result: StepResult, firstFailure: string): void {
  const { name, failed, reloads, requests, slotsDiffer, fileDiffers } = result;
  claims.add(name, 'no request failed', failed === 0 ? null : `${failed} failed, the first: ${firstFailure}`);
  claims.add(name, 'traffic went on', requests > 0 ? null : 'there was no request');
  claims.add(name, 'no HAProxy was reloaded', reloads === 0 ? null : `${reloads} have another pid`);
  claims.add(name, 'slots are equal on all instances', slotsDiffer);
  claims.add(name, 'the published file is the running state', fileDiffers);
}
