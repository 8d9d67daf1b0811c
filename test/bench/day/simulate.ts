/**
 * A day of one fleet at accelerated time: updates and the minutely reconcile become messages of a FIFO queue, workers
 * take them in batches of one group each, and every pass runs the real code on a sample (sample.ts). The shards behave
 * alike, so one of them is applied to really, and the others take as long.
 */

import { createRandom } from '../../simulation/random.ts';
import { verify } from '../benchmark.ts';
import { noWork, type Sample, startSample, type Work } from './sample.ts';
import { updatesOf } from './updates.ts';

const MINUTE_MS = 60_000;
const AT_FIRST = 50;
const BATCH = 10;
const SEND_BATCH = 10;
const SAMPLE = 2;

export interface DayOptions {
  readonly seed: number;
  /** Load balancers of the fleet. */
  readonly size: number;
  readonly shard: number;
  readonly updates: number;
  readonly lengthMs: number;
  /** Invocations of the worker at the same time. */
  readonly workers: number;
  /** How long an invocation takes, by what it did for a whole shard. */
  readonly passMs: number;
  readonly applyMs: (changed: number, idle: number) => number;
}

export interface Day {
  readonly updates: number;
  readonly reconciles: number;
  /** Messages that were put in the queue. */
  readonly messages: number;
  readonly sendRequests: number;
  readonly passes: number;
  readonly applications: number;
  /** Messages of updates that shared their pass with others. */
  readonly passWork: Work;
  /** Of one shard's applications with the sample; `sampled` of them. */
  readonly applyWork: Work;
  readonly sampled: number;
  readonly sample: number;
  /** Update received until applied to the sampled shard. */
  readonly propagationMs: readonly number[];
}

interface Group {
  readonly shard: number | null;
  /** Arrival times. */
  readonly messages: number[];
  busy: boolean;
}

interface Invocation {
  readonly endMs: number;
  readonly group: Group;
  done(): void;
}

export async function simulateDay(options: DayOptions): Promise<Day> {
  const { size, shard, workers, lengthMs } = options;
  const shards = size > shard ? Math.ceil(size / shard) : 0;
  const updates = updatesOf(createRandom(options.seed), options.updates, lengthMs, AT_FIRST);
  const sample = startSample(size, shard, Math.min(SAMPLE, size));
  for (let number = 0; number < AT_FIRST; number += 1) sample.endpoints.add(number);
  const startMs = sample.nowMs;
  // First contact is not part of an ordinary day.
  await sample.pass();
  if (shards > 0) await sample.apply();

  const fleet: Group = { shard: null, messages: [], busy: false };
  const groups: Group[] = Array.from({ length: shards }, (_, index) => ({
    shard: index,
    messages: [],
    busy: false,
  }));
  const ready = new Set<Group>();
  const running = new Set<Invocation>();
  const day = { reconciles: 0, messages: 0, sendRequests: 0, passes: 0, applications: 0, sampled: 0 };
  const passWork = noWork();
  const applyWork = noWork();
  const propagationMs: number[] = [];
  /** Updates that a pass has assigned, or is about to, and that the sampled shard does not have yet. */
  let assigned: number[] = [];
  let waiting: number[] = [];

  const enqueue = (group: Group, atMs: number) => {
    group.messages.push(atMs);
    day.messages += 1;
    if (!group.busy) ready.add(group);
  };
  const startPass = async (nowMs: number): Promise<Invocation> => {
    const covered = waiting;
    waiting = [];
    add(passWork, await sample.pass());
    day.passes += 1;
    const done = () => {
      if (shards === 0) propagationMs.push(...covered.map((atMs) => endMs - atMs));
      else assigned.push(...covered);
      for (const group of groups) enqueue(group, endMs);
      day.sendRequests += Math.ceil(shards / SEND_BATCH);
    };
    const own = shards === 0 ? options.applyMs(size, 0) : 0;
    const endMs = nowMs + options.passMs + own;
    return { endMs, group: fleet, done };
  };
  const startApplication = async (group: Group, nowMs: number): Promise<Invocation> => {
    day.applications += 1;
    if (group.shard !== 0) return { endMs: nowMs + lastApplyMs, group, done: () => undefined };
    const covered = assigned;
    assigned = [];
    const work = await sample.apply();
    add(applyWork, work);
    day.sampled += 1;
    const share = work.changed / (work.changed + work.idle);
    lastApplyMs = options.applyMs(share * shard, (1 - share) * shard);
    const endMs = nowMs + lastApplyMs;
    return { endMs, group, done: () => propagationMs.push(...covered.map((atMs) => endMs - atMs)) };
  };
  let lastApplyMs = options.applyMs(shard, 0);

  let nextUpdate = 0;
  let nextReconcileMs = MINUTE_MS;
  for (;;) {
    const updateMs = updates[nextUpdate]?.atMs ?? Number.POSITIVE_INFINITY;
    const first = [...running].sort((one, other) => one.endMs - other.endMs)[0];
    const reconcileMs = nextReconcileMs <= lengthMs ? nextReconcileMs : Number.POSITIVE_INFINITY;
    const nowMs = Math.min(updateMs, reconcileMs, first?.endMs ?? Number.POSITIVE_INFINITY);
    if (nowMs === Number.POSITIVE_INFINITY) break;
    sample.nowMs = Math.round(startMs + nowMs);
    if (first !== undefined && nowMs === first.endMs) {
      running.delete(first);
      first.group.busy = false;
      if (first.group.messages.length > 0) ready.add(first.group);
      first.done();
    } else if (nowMs === reconcileMs) {
      nextReconcileMs += MINUTE_MS;
      day.reconciles += 1;
      day.sendRequests += 1;
      enqueue(fleet, nowMs);
    } else {
      const update = updates[nextUpdate];
      nextUpdate += 1;
      if (update?.registered) sample.endpoints.add(update.endpoint);
      else if (update !== undefined) sample.endpoints.delete(update.endpoint);
      waiting.push(nowMs);
      day.sendRequests += 1;
      enqueue(fleet, nowMs);
    }
    for (const group of ready) {
      if (running.size >= workers) break;
      ready.delete(group);
      group.messages.splice(0, BATCH);
      group.busy = true;
      running.add(group.shard === null ? await startPass(nowMs) : await startApplication(group, nowMs));
    }
  }
  verifyEnd(sample);
  verify(propagationMs.length === updates.length, 'every update was applied');
  return { ...day, updates: updates.length, passWork, applyWork, sample: sample.instances, propagationMs };
}

function add(total: Work, work: Work): void {
  for (const part of ['common', 'instances'] as const) {
    total[part].gets += work[part].gets;
    total[part].puts += work[part].puts;
    total[part].bytesPut += work[part].bytesPut;
    total[part].logBytes += work[part].logBytes;
  }
  total.changed += work.changed;
  total.idle += work.idle;
  total.runtimeBytes += work.runtimeBytes;
  total.cpuMs += work.cpuMs;
}

function verifyEnd(sample: Sample): void {
  for (const servers of sample.shown()) {
    const serving = servers.filter(({ ready, weight }) => ready && weight > 0);
    verify(serving.length === sample.endpoints.size, 'at the end of the day every endpoint serves');
  }
}
