import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { metricsOf } from '../../../infra/aws/metrics.ts';

/** Counts one of everything, in a process of its own: powertools reads its environment once, and writes to stdout. */
const PROGRAM = `
import { countInstances, countPass } from './functions/pass-metrics.ts';
import { createTelemetry } from './functions/telemetry.ts';
const slots = [{ state: 'free', freedAtMs: 0, last: null }];
const backend = { service: 's', server: 'srv', slots, departures: [], refused: [] };
countInstances('edge', [{ report: { converged: true, commands: 1 }, propagationMs: 7 }]);
countPass('edge', { table: { backends: { be: backend } }, consulFailures: 0, tookMs: 1 });
for (const [name, ...metrics] of ${JSON.stringify([
  ['webhook', 'WatchesReceived', 'WatchesRefused', 'WebhookErrors'],
  ['worker', 'MessagesReceived', 'MessagesFailed'],
  ['reconcile', 'ReconcilesRequested'],
])}) {
  const telemetry = createTelemetry(name);
  for (const metric of metrics) telemetry.metrics.addMetric(metric, 'Count', 1);
  telemetry.metrics.publishStoredMetrics();
}
`;

/** Namespace, name and dimensions of each metric, as CloudWatch reads them from a line (EMF). */
let written: string[];
beforeAll(async () => {
  const env = { PATH: process.env.PATH ?? '', HITLESS_METRICS_NAMESPACE: 'Hitless/test' };
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
    env,
  });
  written = stdout.trim().split('\n').flatMap(metricsIn).sort();
});

function metricsIn(line: string): string[] {
  const { _aws, ...values } = JSON.parse(line);
  return _aws.CloudWatchMetrics.flatMap(
    (one: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string }[] }) =>
      one.Dimensions.flatMap((names) => {
        const dimensions = names.map((name) => [name, values[name]]);
        return one.Metrics.map(({ Name }) => wordsOf(one.Namespace, Name, Object.fromEntries(dimensions)));
      }),
  );
}

function wordsOf(namespace: string, name: string, dimensions: Readonly<Record<string, unknown>>): string {
  const sorted = Object.entries(dimensions).sort(([one], [other]) => (one < other ? -1 : 1));
  return [namespace, name, ...sorted.map(([key, value]) => `${key}=${value}`)].join(' ');
}

describe('the alarms look for the metrics where the functions write them', () => {
  const { ofFleet, ofFunction } = metricsOf('hitless-test', 'test', 'public');
  const looked = [
    ofFleet('edge', 'InstancesConverged'),
    ofFleet('edge', 'InstancesLagging'),
    ofFleet('edge', 'Commands'),
    ofFleet('edge', 'PassDuration'),
    ofFleet('edge', 'Propagation'),
    ofFleet('edge', 'ConsulFailures'),
    ofFleet('edge', 'ChangesWithheld'),
    ofFleet('edge', 'SlotsFree'),
    ofFunction('webhook', 'WatchesReceived'),
    ofFunction('webhook', 'WatchesRefused'),
    ofFunction('webhook', 'WebhookErrors'),
    ofFunction('worker', 'MessagesReceived'),
    ofFunction('worker', 'MessagesFailed'),
    ofFunction('reconcile', 'ReconcilesRequested'),
  ];

  test('namespace, name and dimensions are the same', () => {
    expect(written).toEqual(
      looked.map(({ namespace, name, dimensions }) => wordsOf(namespace, name, dimensions)).sort(),
    );
  });
});
