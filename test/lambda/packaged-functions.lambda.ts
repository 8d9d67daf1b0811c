import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import type { SQSBatchResponse } from 'aws-lambda';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Certificates, createCertificates } from '../../infra/local/certificates.ts';
import { type LocalConsul, startConsul } from '../../infra/local/consul.ts';
import { type Emulator, type QueuePair, startEmulator } from '../../infra/local/emulator.ts';
import { type LocalHaproxy, startHaproxy } from '../../infra/local/haproxy.ts';
import { startApiGateway } from '../../infra/local/lambda/api-gateway.ts';
import { startEventSource } from '../../infra/local/lambda/event-source.ts';
import { type RunningFunction, startPackagedFunction } from '../../infra/local/lambda/runtime-process.ts';
import { until } from '../../infra/local/until.ts';
import type { QueueMessage } from '../../lib/queue/messages.ts';
import { createS3Store } from '../../lib/store/s3-store.ts';
import { sqsEvent, sqsRecord } from '../functions/sqs-record.ts';
import { type Parameters, startParameters } from '../functions/start-parameters.ts';
import { type FunctionName, type Package, packageFunctions } from './package.ts';

const TOKEN = 'a-token-of-sixteen-or-more-characters';
const SERVICE = 'my-cluster';
const backend =
  'backend be_template\n  balance roundrobin\n  server-template websrv 1-10 0.0.0.0:80 disabled\n';

let consul: LocalConsul;
let haproxies: readonly LocalHaproxy[] = [];
let certificates: Certificates;
let emulator: Emulator;
let parameters: Parameters;
let queue: QueuePair;
let packaged: Package;
const started: RunningFunction[] = [];
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  [consul, emulator, parameters, certificates] = await Promise.all([
    startConsul(),
    startEmulator(),
    startParameters(),
    createCertificates(),
  ]);
  const tls = { serverPem: certificates.serverPem, ca: certificates.ca };
  haproxies = await Promise.all([startHaproxy({ backend, tls }), startHaproxy({ backend, tls })]);
  await emulator.createBucket('hitless');
  queue = await emulator.createQueue({ visibilityTimeout: 60 });
  parameters.values
    .set('/hitless/ric/webhook-tokens', TOKEN)
    .set('/hitless/ric/consul-token', 'consul-secret');
  for (const name of ['ca', 'cert', 'key'] as const) {
    parameters.values.set(`/hitless/ric/tls/${name}`, await readFile(certificates[name], 'utf8'));
  }
  const [first, second] = haproxies.map(({ tlsRuntime }) => `tls://127.0.0.1:${tlsRuntime?.port}`);
  packaged = await packageFunctions(`
consul: { address: ${consul.url} }
store: s3://hitless/packaged
fleets:
  edge:
    instances: { lb1: "${first}", lb2: "${second}" }
    template: edge.cfg.j2
    backends:
      be_template: { service: ${SERVICE}, server: websrv, slots: 10, drain: 0s, hold: 0s, keep: 0% }
`);
});

afterAll(async () => {
  for (const stop of stops.toReversed()) await stop();
  await Promise.all(started.map((one) => one.stop()));
  await Promise.all([consul?.stop(), emulator?.stop(), ...haproxies.map((one) => one.stop())]);
  packaged?.remove();
  certificates?.remove();
});

/** As the template has it; what it refers to is the queue. */
async function start(name: FunctionName, timeoutMs?: number): Promise<RunningFunction> {
  const { Environment, Handler, Timeout, MemorySize } = packaged.propertiesOf(name);
  const variables = Object.entries(Environment.Variables).map(([key, value]) => {
    if (typeof value !== 'string') expect(value).toEqual({ Ref: 'Queue' });
    return [key, typeof value === 'string' ? value : queue.url];
  });
  const running = await startPackagedFunction({
    name,
    folder: packaged.folderOf(name),
    handler: Handler,
    environment: {
      ...emulator.environment,
      AWS_ENDPOINT_URL_SSM: parameters.url,
      ...Object.fromEntries(variables),
    },
    timeoutMs: timeoutMs ?? Timeout * 1_000,
    memoryMb: MemorySize,
  });
  started.push(running);
  return running;
}

/** Addresses of the servers in rotation, sorted. */
async function served({ ask }: LocalHaproxy): Promise<string[]> {
  const lines = (await ask('show servers state be_template')).split('\n').map((line) => line.split(' '));
  const inRotation = lines.filter(([, , , , , , admin]) => admin === '0' || admin === '4');
  return inRotation.map((columns) => `${columns[4]}:${columns[18]}`).sort();
}

async function bothServe(...addresses: string[]): Promise<void> {
  const wanted = JSON.stringify(addresses);
  const same = async () =>
    (await Promise.all(haproxies.map(served))).every((one) => JSON.stringify(one) === wanted);
  await until(same, { what: `both load balancers to serve ${wanted}` });
}

function register(number: number): Promise<void> {
  return consul.register({ id: `web${number}`, name: SERVICE, address: `127.0.0.${number}`, port: 8080 });
}

function reconcile(fleet = 'edge'): QueueMessage {
  return { version: 1, kind: 'reconcile', fleet, requestedAtMs: Date.now() };
}

test('a package holds its bundle and the configuration, and nothing above it holds a package of npm', () => {
  for (const name of ['webhook', 'worker', 'reconcile'] as const) {
    const folder = packaged.folderOf(name);
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
    expect(files).toEqual([
      'functions',
      'functions/hitless.json',
      `functions/${name}.mjs`,
      `functions/${name}.mjs.map`,
    ]);
    for (let above = folder; above !== dirname(above); above = dirname(above)) {
      expect(existsSync(join(above, 'node_modules'))).toBe(false);
    }
  }
});

test('an event of a Consul watch changes the servers and writes the objects', async () => {
  const [webhook, worker] = await Promise.all([start('webhook'), start('worker')]);
  const gateway = await startApiGateway({ 'POST /watch/{service}': webhook.invoke });
  stops.push(() => gateway.stop());
  const source = startEventSource({
    client: emulator.sqs,
    queueUrl: queue.url,
    functionName: 'worker',
    invoke: worker.invoke,
    maximumConcurrency: 2,
    log: () => undefined,
  });
  stops.push(() => source.stop());
  const url = `${gateway.url}/watch/${SERVICE}`;
  const refused = await fetch(url, { method: 'POST', body: '[]' });
  expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);

  await register(11);
  await register(12);
  await consul.setWatches([
    { service: SERVICE, handler: { url, headers: { Authorization: `Bearer ${TOKEN}` } } },
  ]);
  await bothServe('127.0.0.11:8080', '127.0.0.12:8080');

  const store = createS3Store(emulator.s3, { bucket: 'hitless', prefix: 'packaged' });
  const written = async (key: string) => {
    const object = await until(() => store.get(`fleets/edge/${key}`), { what: key });
    return object.body;
  };
  expect(JSON.parse(await written('slots.json'))).toMatchObject({ backends: { be_template: {} } });
  expect(JSON.parse(await written('instances/lb2/report.json'))).toMatchObject({ converged: true });
  await until(async () => (await written('haproxy.cfg')).includes('127.0.0.12:8080'), {
    what: 'the configuration',
  });
  await written('current.json');
});

test('a record that can never be handled is dead within seconds, and its group goes on', async () => {
  const send = async (MessageBody: string, id: string) => {
    const command = { QueueUrl: queue.url, MessageBody, MessageGroupId: 'edge', MessageDeduplicationId: id };
    await emulator.sqs.send(new SendMessageCommand(command));
  };
  await send('poison', 'poison');
  await register(13);
  await bothServe('127.0.0.11:8080', '127.0.0.12:8080', '127.0.0.13:8080');
  const dead = async () => (await emulator.countMessages(queue.deadLetterUrl)).waiting === 1;
  await until(dead, { what: 'the record in the dead-letter queue' });
});

test('the schedule asks for a pass over every fleet, which repairs what an event did not tell', async () => {
  await consul.setWatches([]);
  await register(14);
  const scheduled = await start('reconcile');
  expect(await scheduled.invoke({ id: 'scheduled', source: 'aws.events' })).toEqual({
    outcome: 'answered',
    payload: { queued: ['edge'] },
  });
  await bothServe('127.0.0.11:8080', '127.0.0.12:8080', '127.0.0.13:8080', '127.0.0.14:8080');
});

test('of a batch with poisoned records, these come again, the rest is done', async () => {
  const worker = await start('worker');
  await register(15);
  const records = [
    sqsRecord({ body: reconcile() }),
    sqsRecord({ body: 'poison' }),
    sqsRecord({ body: reconcile() }),
    sqsRecord({ body: reconcile('gone'), group: 'gone' }),
  ];
  const result = await worker.invoke(sqsEvent(...records));
  const poisoned = records.filter((_, index) => index === 1 || index === 3);
  const batchItemFailures = poisoned.map(({ messageId }) => ({ itemIdentifier: messageId }));
  expect(result).toEqual({ outcome: 'answered', payload: { batchItemFailures } satisfies SQSBatchResponse });
  await bothServe(...[11, 12, 13, 14, 15].map((number) => `127.0.0.${number}:8080`));
});

test('a pass that hangs gives its records back before the timeout, and the next one is done', async () => {
  const worker = await start('worker', 4_000);
  const record = sqsRecord({ body: reconcile() });
  process.kill(consul.pid, 'SIGSTOP');
  try {
    expect(await worker.invoke(sqsEvent(record))).toEqual({
      outcome: 'answered',
      payload: { batchItemFailures: [{ itemIdentifier: record.messageId }] },
    });
  } finally {
    process.kill(consul.pid, 'SIGCONT');
  }
  expect(await worker.invoke(sqsEvent(record))).toEqual({
    outcome: 'answered',
    payload: { batchItemFailures: [] },
  });
});

test('no secret is in what the functions wrote, and they wrote metrics and a log', () => {
  const all = started.map((one) => one.output()).join('\n');
  for (const secret of [TOKEN, 'consul-secret']) expect(all).not.toContain(secret);
  expect(all).not.toContain('PRIVATE KEY');
  expect(all).toContain('"message":"watch_received"');
  expect(all).toContain('"CloudWatchMetrics"');
});
