/** The metrics that alarms and dashboard look at: ours as the functions write them (EMF), and AWS's own. */

import type { Parameters } from './parameters.ts';

export interface Metric {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, unknown>>;
}

/** The metrics of one stage, so that the alarms of another one do not hear of it. */
export function namespaceOf(name: string): string {
  return name.replace(/^hitless-/, 'Hitless/');
}

export type OfFunction =
  | 'WatchesReceived'
  | 'WatchesRefused'
  | 'WebhookErrors'
  | 'MessagesReceived'
  | 'MessagesFailed'
  | 'ReconcilesRequested';

export type OfFleet =
  | 'InstancesConverged'
  | 'InstancesLagging'
  | 'Commands'
  | 'PassDuration'
  | 'Propagation'
  | 'ConsulFailures'
  | 'PublishFailures'
  | 'ChangesWithheld'
  | 'SlotsFree';

export function metricsOf(name: string, stage: string, api: Parameters['api']) {
  const namespace = namespaceOf(name);
  return {
    /** functions/telemetry.ts */
    ofFunction: (which: 'webhook' | 'worker' | 'reconcile', metric: OfFunction): Metric => ({
      namespace,
      name: metric,
      dimensions: { service: `hitless-${which}` },
    }),
    /** functions/pass-metrics.ts */
    ofFleet: (fleet: string, metric: OfFleet): Metric => ({
      namespace,
      name: metric,
      dimensions: { service: 'hitless-worker', fleet },
    }),
    lambda: (
      which: 'webhook' | 'worker' | 'reconcile',
      metric: 'Errors' | 'Throttles' | 'Duration',
    ): Metric => ({
      namespace: 'AWS/Lambda',
      name: metric,
      dimensions: { FunctionName: `${name}-${which}` },
    }),
    queue: (queue: string, metric: string): Metric => ({
      namespace: 'AWS/SQS',
      name: metric,
      dimensions: { QueueName: queue },
    }),
    /** An HTTP API and a REST API call the same thing differently. */
    api: (status: '4xx' | '5xx'): Metric =>
      api === 'public'
        ? { namespace: 'AWS/ApiGateway', name: status, dimensions: { ApiId: { Ref: 'HttpApi' } } }
        : {
            namespace: 'AWS/ApiGateway',
            name: status === '4xx' ? '4XXError' : '5XXError',
            dimensions: { ApiName: `${stage}-hitless`, Stage: stage },
          },
  };
}

export type Metrics = ReturnType<typeof metricsOf>;
