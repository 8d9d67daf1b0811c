/** The functions as they are on AWS write metrics (EMF, on standard output); alarms and dashboard must find them there. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deployment } from '../../../infra/aws/deployment.ts';
import { type LocalHaproxy, startHaproxy } from '../../../infra/local/haproxy.ts';
import { type FunctionPool, startFunctionPool } from '../../../infra/local/lambda/function-pool.ts';
import { until } from '../../../infra/local/until.ts';
import type { QueueMessage } from '../../../lib/queue/messages.ts';
import { healthEntry } from '../../functions/health-entry.ts';
import { httpEvent, TOKEN } from '../../functions/http-event.ts';
import { sqsEvent, sqsRecord } from '../../functions/sqs-record.ts';
import { startEnvironment, type TestEnvironment } from '../../functions/start-environment.ts';
import { startRegistry } from '../../functions/start-registry.ts';

type FunctionName = 'webhook' | 'worker' | 'reconcile';

/** A metric as CloudWatch knows it: namespace, name, and dimensions in order. */
type Place = string;

const emf = v.object({
  _aws: v.object({
    CloudWatchMetrics: v.array(
      v.object({
        Namespace: v.string(),
        Dimensions: v.array(v.array(v.string())),
        Metrics: v.array(v.object({ Name: v.string(), Unit: v.string() })),
      }),
    ),
  }),
});

let haproxy: LocalHaproxy;
let environment: TestEnvironment;
const lines: string[] = [];
const pools: FunctionPool[] = [];
/** The unit of each metric that was written. */
let written: ReadonlyMap<Place, string>;

beforeAll(async () => {
  const registry = await startRegistry();
  haproxy = await startHaproxy({
    backend: 'backend be_template\n  server-template websrv 1-10 0.0.0.0:80 disabled\n',
  });
  environment = await startEnvironment(`
consul: { address: ${registry.url} }
store: s3://hitless/test
fleets:
  edge:
    instances: { lb1: "tcp://127.0.0.1:${haproxy.runtime.port}" }
    backends: { be_template: { service: my-cluster, server: websrv, slots: 10 } }
`);
  const changed = (index: string): QueueMessage => ({
    ...{ version: 1, kind: 'changed', fleet: 'edge', service: 'my-cluster', index },
    ...{ receivedAtMs: Date.now(), entries: null },
  });
  const forged = { authorization: `Bearer ${TOKEN}x` };
  const gone = { HITLESS_QUEUE_URL: `${environment.queueUrl}-gone` };
  await Promise.all([
    invoke('webhook', { last: 'WatchesReceived', events: [httpEvent()] }),
    invoke('webhook', { last: 'WatchesRefused', events: [httpEvent(forged)] }),
    invoke('webhook', { last: 'WebhookErrors', events: [httpEvent()], variables: gone }),
    invoke('reconcile', { last: 'ReconcilesRequested', events: [{ id: 'scheduled' }] }),
  ]);
  const events = ['1', '2'].map((index) => sqsEvent(sqsRecord({ body: changed(index) })));
  const before = (index: number) => {
    registry.entries = [healthEntry(`127.0.0.1${index}`)];
  };
  await invoke('worker', { last: 'Propagation', events, before });
  written = new Map(lines.flatMap(metricsIn));
});
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.stop()));
  await haproxy?.stop();
});

interface Invocations {
  readonly events: readonly unknown[];
  /** The metric whose line is waited for: what a function writes arrives after its answer. */
  readonly last: string;
  readonly before?: (index: number) => void;
  readonly variables?: Readonly<Record<string, string>>;
}

async function invoke(name: FunctionName, { events, last, before, variables }: Invocations): Promise<void> {
  const pool = startFunctionPool(
    {
      name,
      module: new URL(`../../../functions/${name}.ts`, import.meta.url),
      handler: 'handler',
      environment: { ...environment.variables, HITLESS_METRICS_NAMESPACE: 'Hitless/test', ...variables },
      timeoutMs: 30_000,
      memoryMb: 256,
    },
    { concurrency: 1, log: ({ line }) => lines.push(line) },
  );
  pools.push(pool);
  for (const [index, event] of events.entries()) {
    before?.(index);
    expect(await pool.invoke(event)).toMatchObject({ outcome: 'answered' });
  }
  await until(() => lines.some((line) => line.includes(`"${last}":`)), { what: last });
}

function metricsIn(line: string): [Place, string][] {
  if (!line.includes('"CloudWatchMetrics"')) return [];
  const document: Record<string, unknown> = JSON.parse(line);
  return v.parse(emf, document)._aws.CloudWatchMetrics.flatMap(({ Namespace, Dimensions, Metrics }) =>
    Dimensions.flatMap((names) =>
      Metrics.map(({ Name, Unit }): [Place, string] => {
        const dimensions = names.map((name) => [name, String(document[name])] as const);
        return [placeOf(Namespace, Name, dimensions), Unit];
      }),
    ),
  );
}

function placeOf(namespace: string, name: string, dimensions: readonly (readonly [string, string])[]): Place {
  return [namespace, name, ...dimensions.map(([key, value]) => `${key}=${value}`).sort()].join(' ');
}

/** What the deployment of the same hitless.yml looks at. */
async function deployed() {
  const parameters = 'region: eu-west-1\nsubnets: [subnet-0a]\nsecurityGroup: sg-0a\n';
  writeFileSync(join(environment.folder, 'parameters.yml'), parameters);
  const { perFleet } = await deployment({
    options: { stage: 'test', param: [`folder=${environment.folder}`] },
  });
  const alarm = v.object({
    Type: v.literal('AWS::CloudWatch::Alarm'),
    Properties: v.object({
      Namespace: v.string(),
      MetricName: v.string(),
      Dimensions: v.array(v.object({ Name: v.string(), Value: v.unknown() })),
    }),
  });
  const alarms = Object.values(perFleet.Resources).flatMap((resource) => {
    const parsed = v.safeParse(alarm, resource);
    if (!parsed.success) return [];
    const { Namespace, MetricName, Dimensions } = parsed.output.Properties;
    return placeOf(
      Namespace,
      MetricName,
      Dimensions.map(({ Name, Value }) => [Name, String(Value)]),
    );
  });
  const body = perFleet.Resources.Dashboard.Properties.DashboardBody['Fn::Sub'];
  const line = v.tupleWithRest([v.string(), v.string()], v.unknown());
  const dashboard = v.object({
    widgets: v.array(v.object({ properties: v.object({ metrics: v.array(line) }) })),
  });
  const shown = v
    .parse(dashboard, JSON.parse(body))
    .widgets.flatMap(({ properties }) => properties.metrics)
    .map(([namespace, name, ...rest]) => {
      const texts = rest.filter((one) => typeof one === 'string');
      const dimensions = texts.flatMap((key, at) =>
        at % 2 === 0 ? [[key, texts[at + 1] ?? ''] as const] : [],
      );
      return placeOf(namespace, name, dimensions);
    });
  const ours = (places: readonly Place[]) => places.filter((place) => place.startsWith('Hitless/'));
  return { alarms: ours(alarms), shown: ours(shown) };
}

test('every metric that an alarm or the dashboard looks at is written, in that place', async () => {
  const { alarms, shown } = await deployed();
  expect(alarms.length).toBeGreaterThan(8);
  expect(shown.length).toBeGreaterThan(alarms.length);
  expect([...alarms, ...shown].filter((place) => !written.has(place))).toEqual([]);
});

test('every metric that is written is on the dashboard', async () => {
  const { shown } = await deployed();
  const others = [...written.keys()].filter((place) => !shown.includes(place));
  expect(others.filter((place) => !place.includes(' ColdStart '))).toEqual([]);
});

test('times are in milliseconds, as the threshold of the alarm is, and everything else is counted', () => {
  const inMs = [...written].filter(([, unit]) => unit !== 'Count').sort();
  expect(inMs).toEqual([
    [expect.stringContaining(' PassDuration '), 'Milliseconds'],
    [expect.stringContaining(' Propagation '), 'Milliseconds'],
  ]);
});

test('a refused request is logged with the address it came from', () => {
  const refused = lines.filter((line) => line.includes('"watch_refused"')).map((line) => JSON.parse(line));
  const told = refused.map(({ code, sourceIp }) => `${code} ${sourceIp}`).sort();
  expect(told).toEqual(['QUEUE_REFUSED 127.0.0.1', 'UNAUTHORIZED 127.0.0.1']);
});
