import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LocalConsul, startConsul } from '../../../../infra/local/consul.ts';
import { type Emulator, startEmulator } from '../../../../infra/local/emulator.ts';
import { type LocalHaproxy, startHaproxy } from '../../../../infra/local/haproxy.ts';
import { type ApiGateway, startApiGateway } from '../../../../infra/local/lambda/api-gateway.ts';
import { type EventSource, startEventSource } from '../../../../infra/local/lambda/event-source.ts';
import { type FunctionPool, startFunctionPool } from '../../../../infra/local/lambda/function-pool.ts';
import { type Schedule, startSchedule } from '../../../../infra/local/lambda/schedule.ts';
import { temporaryFolder } from '../../../../infra/local/temporary-folder.ts';
import { until } from '../../../../infra/local/until.ts';

const TOKEN = 'a-token-of-sixteen-or-more-characters';
const folder = temporaryFolder('path');
const lines: string[] = [];

let consul: LocalConsul;
let haproxy: LocalHaproxy;
let emulator: Emulator;
let gateway: ApiGateway;
let source: EventSource;
let schedule: Schedule;
const pools: FunctionPool[] = [];

beforeAll(async () => {
  [consul, haproxy, emulator] = await Promise.all([
    startConsul(),
    startHaproxy({ backend: 'backend be_template\n  server-template websrv 1-10 0.0.0.0:80 disabled\n' }),
    startEmulator(),
  ]);
  await emulator.createBucket('hitless');
  const queue = await emulator.createQueue();
  const configuration = join(folder.path, 'hitless.yml');
  writeFileSync(
    configuration,
    `
consul: { address: ${consul.url} }
store: s3://hitless/local
fleets:
  edge:
    instances: { lb1: "unix://${haproxy.socket}" }
    backends: { be_template: { service: my-cluster, server: websrv, slots: 10 } }
`,
  );
  const environment = {
    ...emulator.environment,
    HITLESS_CONFIG: configuration,
    HITLESS_QUEUE_URL: queue.url,
    HITLESS_WEBHOOK_TOKENS: TOKEN,
  };
  const start = (name: 'webhook' | 'worker' | 'reconcile') => {
    const module = new URL(`../../../../functions/${name}.ts`, import.meta.url);
    const pool = startFunctionPool(
      { name, module, handler: 'handler', environment, timeoutMs: 30_000, memoryMb: 256 },
      { concurrency: 2, log: ({ functionName, line }) => lines.push(`${functionName} ${line}`) },
    );
    pools.push(pool);
    return pool;
  };
  gateway = await startApiGateway({ 'POST /watch/{service}': start('webhook').invoke });
  source = startEventSource({
    client: emulator.sqs,
    queueUrl: queue.url,
    functionName: 'worker',
    invoke: start('worker').invoke,
    maximumConcurrency: 2,
    log: ({ line }) => lines.push(line),
  });
  schedule = startSchedule('reconcile', { everyMs: 3_600_000, invoke: start('reconcile').invoke });
});

afterAll(async () => {
  await Promise.all([gateway?.stop(), schedule?.stop(), source?.stop()]);
  await Promise.all(pools.map((pool) => pool.stop()));
  await Promise.all([consul?.stop(), haproxy?.stop(), emulator?.stop()]);
  folder.remove();
});

async function isServed(address: string): Promise<boolean> {
  const state = await haproxy.ask('show servers state be_template');
  const [line = ''] = state.split('\n').filter((one) => one.includes(` ${address} `));
  return ['0', '4'].includes(line.split(' ')[6] ?? '');
}

test('a Consul watch posts to the webhook, and the worker changes HAProxy', async () => {
  await consul.setWatches([
    {
      service: 'my-cluster',
      handler: { url: `${gateway.url}/watch/my-cluster`, headers: { Authorization: `Bearer ${TOKEN}` } },
    },
  ]);
  await consul.register({ id: 'web1', name: 'my-cluster', address: '127.0.0.51', port: 8080 });
  await until(() => isServed('127.0.0.51'), { what: 'the registered server in rotation' });
});

test('an event that got lost heals at the next reconcile', async () => {
  await consul.setWatches([]);
  await consul.register({ id: 'web2', name: 'my-cluster', address: '127.0.0.52', port: 8080 });
  expect(await isServed('127.0.0.52')).toBe(false);
  expect(await schedule.trigger()).toEqual({ outcome: 'answered', payload: { queued: ['edge'] } });
  await until(() => isServed('127.0.0.52'), { what: 'the server of the lost event in rotation' });
});

test('a request without a token is refused through the whole gateway', async () => {
  const response = await fetch(`${gateway.url}/watch/my-cluster`, { method: 'POST', body: '[]' });
  expect(response.status).toBe(401);
  expect(response.headers.get('www-authenticate')).toBe('Bearer');
  expect(await response.json()).toMatchObject({ error: { code: 'UNAUTHORIZED' } });
});

test('the log and the metrics come out as JSON lines, and no token is in them', async () => {
  const json = (prefix: string) =>
    lines
      .filter((line) => line.startsWith(`${prefix} {`))
      .map((line) => JSON.parse(line.slice(prefix.length)));
  await until(() => json('worker').some(({ message }) => message === 'pass_done'), {
    what: 'the log of a pass',
  });
  expect(json('webhook')).toContainEqual(
    expect.objectContaining({
      message: 'watch_received',
      consulService: 'my-cluster',
      service: 'hitless-webhook',
    }),
  );
  expect(json('worker')).toContainEqual(
    expect.objectContaining({
      _aws: expect.objectContaining({
        CloudWatchMetrics: [expect.objectContaining({ Namespace: 'Hitless' })],
      }),
      fleet: 'edge',
      InstancesConverged: 1,
      InstancesLagging: 0,
    }),
  );
  expect(lines.filter((line) => line.includes(TOKEN))).toEqual([]);
  expect(
    lines.filter((line) => line.includes('reserved key') || line.includes('No application metrics')),
  ).toEqual([]);
});
