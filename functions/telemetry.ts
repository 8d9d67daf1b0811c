/** What every function logs and counts with: JSON lines and CloudWatch metrics (EMF). */

import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import type { MiddlewareObj } from '@middy/core';
import { visibleLines } from '../lib/model/printable.ts';
import { metricsNamespace } from './wiring.ts';

export interface Telemetry {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Adds the request id to every line; writes the metrics out when the function ends, however it ends. */
  readonly middlewares: MiddlewareObj[];
}

/**
 * @param functionName becomes the `service` of every line and metric: `hitless-worker`. The level comes from
 *   POWERTOOLS_LOG_LEVEL (INFO without it), as everything that powertools reads from the environment by itself.
 */
export function createTelemetry(functionName: 'webhook' | 'worker' | 'reconcile'): Telemetry {
  const serviceName = `hitless-${functionName}`;
  const logger = new Logger({ serviceName, jsonReplacerFn: visibleText });
  const metrics = new Metrics({ namespace: metricsNamespace(), serviceName });
  return {
    logger,
    metrics,
    middlewares: [injectLambdaContext(logger), logMetrics(metrics, { captureColdStartMetric: true })],
  };
}

/** A log is read in terminals and consoles, too: what others wrote reaches no line with anything invisible in it. */
function visibleText(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? visibleLines(value) : value;
}

/** For secrets that could not be read anew: nothing is broken yet, and their rotation waits for it. */
export function logStale(logger: Logger): (error: unknown) => void {
  return (error) => {
    logger.warn('secret_stale', { error: error instanceof Error ? error : new Error(String(error)) });
  };
}
