/** What a pass or the application to a shard counts for, per fleet. */

import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { SlotTable } from '../lib/model/slot-table.ts';
import type { Applied } from '../lib/sync/apply-instance.ts';
import { metricsNamespace } from './wiring.ts';

/** Writes metrics with the dimensions `service` and `fleet`; `Propagation` has a value for each instance. */
export function countInstances(fleet: string, applied: readonly Applied[]): void {
  const metrics = metricsOf(fleet);
  const reports = applied.map(({ report }) => report);
  metrics.addMetric('InstancesConverged', MetricUnit.Count, reports.filter((one) => one.converged).length);
  metrics.addMetric('InstancesLagging', MetricUnit.Count, reports.filter((one) => !one.converged).length);
  metrics.addMetric('Commands', MetricUnit.Count, sum(reports.map((one) => one.commands)));
  for (const { propagationMs } of applied) {
    if (propagationMs !== null) metrics.addMetric('Propagation', MetricUnit.Milliseconds, propagationMs);
  }
  metrics.publishStoredMetrics();
}

export interface PassCounts {
  readonly table: SlotTable;
  /** Services that Consul did not answer for. */
  readonly consulFailures: number;
  readonly tookMs: number;
  /** Whether the configuration or a generation could not be written. */
  readonly unpublished: boolean;
}

/** As `countInstances`; `SlotsFree` is the lowest of the fleet's backends. */
export function countPass(fleet: string, { table, consulFailures, tookMs, unpublished }: PassCounts): void {
  const backends = Object.values(table.backends);
  const withheld = backends.flatMap(({ slots }) => slots.filter(isWithheld));
  const free = backends.map(({ slots }) => slots.filter((slot) => slot.state === 'free').length);
  const metrics = metricsOf(fleet);
  metrics.addMetric('PassDuration', MetricUnit.Milliseconds, tookMs);
  metrics.addMetric('ConsulFailures', MetricUnit.Count, consulFailures);
  metrics.addMetric('PublishFailures', MetricUnit.Count, unpublished ? 1 : 0);
  metrics.addMetric('ChangesWithheld', MetricUnit.Count, withheld.length);
  if (free.length > 0) metrics.addMetric('SlotsFree', MetricUnit.Count, Math.min(...free));
  metrics.publishStoredMetrics();
}

function isWithheld(slot: SlotTable['backends'][string]['slots'][number]): boolean {
  return slot.state === 'serving' && slot.withheld !== null;
}

/** Its own object, because a dimension holds for everything that is published with it. */
function metricsOf(fleet: string): Metrics {
  return new Metrics({
    namespace: metricsNamespace(),
    serviceName: 'hitless-worker',
    defaultDimensions: { fleet },
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
