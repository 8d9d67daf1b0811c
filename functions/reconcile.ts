/**
 * Once a minute: asks for a pass over every fleet, which repairs what no event told us about. It goes through the
 * queue like every change does, so that two passes of one fleet do not run at once.
 */

import { MetricUnit } from '@aws-lambda-powertools/metrics';
import middy from '@middy/core';
import type { ScheduledEvent } from 'aws-lambda';
import { once } from './once.ts';
import { createTelemetry } from './telemetry.ts';
import { type ReconcilePorts, wireReconcile } from './wiring.ts';

export interface ReconcileAnswer {
  /** Names of the fleets. */
  readonly queued: readonly string[];
}

const { logger, metrics, middlewares } = createTelemetry('reconcile');

/** @param wire gives everything outside of the function; called at the first event. */
export function createReconcile(wire: () => Promise<ReconcilePorts>) {
  const ports = once(wire);
  return middy<ScheduledEvent, ReconcileAnswer>()
    .use(middlewares)
    .handler(async (event) => requestPasses(await ports(), event.id));
}

export const handler = createReconcile(wireReconcile);

/**
 * One `reconcile` message for each fleet; an event that EventBridge delivers twice asks once.
 *
 * @throws QueueFailed: the schedule's next event tries again.
 */
async function requestPasses(
  { fleets, queue, now }: ReconcilePorts,
  eventId: string,
): Promise<ReconcileAnswer> {
  const requestedAtMs = now();
  const sent = await queue.send(
    fleets.map(({ name: fleet }) => ({ version: 1, kind: 'reconcile', fleet, requestedAtMs })),
    eventId,
  );
  const queued = sent.map(({ message }) => message.fleet);
  logger.info('reconcile_requested', { fleets: queued });
  metrics.addMetric('ReconcilesRequested', MetricUnit.Count, queued.length);
  return { queued };
}
