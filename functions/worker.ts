/**
 * Takes batches from the FIFO queue and makes the fleets follow: one pass for all that a batch says about a fleet.
 *
 * Groups are handled at the same time, so a slow fleet does not hold up another one. Records whose work could not be
 * done are named in the answer and come again; an instance that did not converge is no such failure, for it is
 * reported, and the next reconcile repairs it.
 */

import { MetricUnit } from '@aws-lambda-powertools/metrics';
import middy from '@middy/core';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import type { Fleet } from '../lib/model/fleet.ts';
import type { InstanceReport } from '../lib/model/report.ts';
import { applyShard, passFleet } from '../lib/sync/pass.ts';
import type { SyncEvent, SyncPorts } from '../lib/sync/ports.ts';
import { type Group, groupsOf, type Pass, type ShardApplication } from './batch-groups.ts';
import { endingStore } from './ending-store.ts';
import { before, type InvocationTimes, invocationTimes } from './invocation-times.ts';
import { once } from './once.ts';
import { countInstances, countPass } from './pass-metrics.ts';
import { retryDelay } from './retry-delay.ts';
import type { OnStale } from './secrets.ts';
import { createTelemetry, logStale } from './telemetry.ts';
import { type WorkerPorts, wireWorker } from './wiring.ts';

const { logger, metrics, middlewares } = createTelemetry('worker');

/** @param wire gives everything outside of the function; called at the first event. */
export function createWorker(wire: (onStale: OnStale) => Promise<WorkerPorts>) {
  const ports = once(() => wire(logStale(logger)));
  return middy<SQSEvent, SQSBatchResponse>()
    .use(middlewares)
    .handler(async (event, context) => {
      const times = invocationTimes(context.getRemainingTimeInMillis());
      const wired = await ports();
      const fleets = new Set(wired.fleets.map((fleet) => fleet.name));
      const failed = await Promise.all(
        groupsOf(event.Records, fleets).map((group) => handleGroup(wired, group, event.Records, times)),
      );
      const batchItemFailures = failed.flat().map((itemIdentifier) => ({ itemIdentifier }));
      metrics.addMetric('MessagesReceived', MetricUnit.Count, event.Records.length);
      metrics.addMetric('MessagesFailed', MetricUnit.Count, batchItemFailures.length);
      return { batchItemFailures };
    });
}

export const handler = createWorker((onStale) => wireWorker(undefined, onStale));

/** The ids of the records that are to come again. Never throws: another group's records must not suffer. */
async function handleGroup(
  ports: WorkerPorts,
  group: Group,
  records: readonly SQSRecord[],
  times: InvocationTimes,
): Promise<readonly string[]> {
  const bad = group.bad?.messageIds ?? [];
  if (group.bad !== null) {
    logger.error('message_refused', { group: group.id, messageIds: bad, reason: group.bad.reason });
  }
  try {
    for (const work of group.work) await before(times.work, carryOut(ports, work, group, times.work));
    await returnBad(ports, group, times);
    return bad;
  } catch (error) {
    const cause = error instanceof Error ? error : new Error(String(error));
    logger.error('messages_failed', { group: group.id, messageIds: group.messageIds, error: cause });
    const failed = [...group.messageIds, ...bad];
    await returnFailed(
      ports,
      records.filter(({ messageId }) => failed.includes(messageId)),
      times,
    );
    return failed;
  }
}

/**
 * A record that can never be handled is received again until it is in the dead-letter queue, and its group with it:
 * these deliveries need not wait for the visibility timeout.
 */
async function returnBad(ports: WorkerPorts, { bad }: Group, times: InvocationTimes): Promise<void> {
  if (bad !== null) await giveBack(ports, bad.receiptHandles, 0, times);
}

/** Their visibility timeout is made for a worker that hangs: left alone, they would hold up their fleet for as long. */
async function returnFailed(
  ports: WorkerPorts,
  records: readonly SQSRecord[],
  times: InvocationTimes,
): Promise<void> {
  const received = Math.max(
    ...records.map(({ attributes }) => Number(attributes.ApproximateReceiveCount) || 1),
  );
  const handles = records.map(({ receiptHandle }) => receiptHandle);
  await giveBack(ports, handles, retryDelay(received), times);
}

/** When that does not work either, they come when their visibility timeout has run out. */
async function giveBack(
  { returnMessages }: WorkerPorts,
  receiptHandles: readonly string[],
  afterSeconds: number,
  { answer }: InvocationTimes,
): Promise<void> {
  try {
    await before(answer, returnMessages(receiptHandles, afterSeconds, answer));
  } catch (error) {
    const cause = error instanceof Error ? error : new Error(String(error));
    logger.warn('messages_not_returned', { messages: receiptHandles.length, error: cause });
  }
}

async function carryOut(
  ports: WorkerPorts,
  work: Pass | ShardApplication,
  group: Group,
  signal: AbortSignal,
): Promise<void> {
  const fleet = ports.fleets.find(({ name }) => name === work.fleet);
  if (fleet === undefined) throw new RangeError(`there is no fleet ${work.fleet}`);
  const store = endingStore(ports.sync.store, signal);
  const sync: SyncPorts = { ...ports.sync, store, log: logEvent };
  if (work.kind === 'pass') return pass(ports, sync, fleet, work, group, signal);
  const startedMs = performance.now();
  const options = { snapshots: 'when-due', hurry: work.hurry, signal } as const;
  const applied = await applyShard(sync, fleet, work.shard, options);
  const reports = applied.map(({ report }) => report);
  countInstances(fleet.name, applied);
  logger.info('shard_done', {
    fleet: fleet.name,
    shard: work.shard,
    ...summaryOf(reports),
    ms: Math.round(performance.now() - startedMs),
  });
}

/** One line for all instances; what each of them got is told at the level DEBUG, what is wrong with one as a warning. */
function summaryOf(reports: readonly InstanceReport[]) {
  return {
    commands: reports.reduce((sum, { commands }) => sum + commands, 0),
    converged: reports.filter(({ converged }) => converged).length,
    lagging: reports.filter(({ converged }) => !converged).map(({ instance }) => instance),
  };
}

async function pass(
  { queue }: WorkerPorts,
  sync: SyncPorts,
  fleet: Fleet,
  { entries, oldestEventMs }: Pass,
  group: Group,
  signal: AbortSignal,
): Promise<void> {
  const startedMs = performance.now();
  const hurry = oldestEventMs === null ? {} : ({ hurry: true } as const);
  // The same generation is applied again at every reconcile; only the same messages coming again are a repetition.
  const handOut = async (shards: readonly number[], generation: number) => {
    const apply = { version: 1, kind: 'apply', fleet: fleet.name, generation, ...hurry } as const;
    await queue.send(
      shards.map((shard) => ({ ...apply, shard })),
      group.messageIds[0],
      signal,
    );
  };
  const events = { entries, receivedAtMs: oldestEventMs };
  const options = { ...events, handOut, snapshots: 'when-due', signal } as const;
  const { table, consulFailures, applied, shards, ...result } = await passFleet(sync, fleet, options);
  const { generation } = table;
  const reports = applied.map(({ report }) => report);
  countInstances(fleet.name, applied);
  const tookMs = performance.now() - startedMs;
  const unpublished = result.publishFailure !== null || result.configurationWithheld !== null;
  countPass(fleet.name, { table, consulFailures: consulFailures.length, tookMs, unpublished });
  logger.info('pass_done', {
    fleet: fleet.name,
    generation,
    messages: group.messageIds.length,
    ...summaryOf(reports),
    shards: shards.length,
    ms: Math.round(tookMs),
  });
}

/** `service` is powertools' own key: it names the function, and another value would be dropped. */
function logEvent({ event, level, service, ...facts }: SyncEvent): void {
  logger[level](event, service === undefined ? facts : { consulService: service, ...facts });
}
