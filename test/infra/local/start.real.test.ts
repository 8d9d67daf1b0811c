import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import * as v from 'valibot';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';
import { isAlive } from '../../../infra/local/process.ts';
import { until } from '../../../infra/local/until.ts';
import { loadConfig } from '../../../lib/config/load-config.ts';
import { openSession } from '../../../lib/runtime-api/connect.ts';
import { checkout, type Program, runProgram } from './program.ts';
import { childrenOf } from './system/leftovers.ts';

const address = v.pipe(v.string(), v.regex(/^http:\/\/127\.0\.0\.1:\d+(\/|$)/));
const file = v.pipe(v.string(), v.startsWith('/'));
const credentials = v.strictObject({ accessKeyId: v.string(), secretAccessKey: v.string() });

const localFile = v.object({
  pid: v.number(),
  webhook: v.object({ url: address, token: v.pipe(v.string(), v.minLength(32)) }),
  consul: v.object({ url: address }),
  haproxies: v.array(
    v.object({
      name: v.string(),
      frontend: address,
      runtimeApi: v.pipe(v.string(), v.regex(/^tcp:\/\/127\.0\.0\.1:\d+$/)),
      socket: file,
      configured: v.string(),
      configuration: file,
      masterPid: v.number(),
    }),
  ),
  s3: v.object({
    endpoint: address,
    bucket: v.string(),
    prefix: v.string(),
    region: v.string(),
    credentials,
  }),
  sqs: v.object({ endpoint: address, queueUrl: address, deadLetterQueueUrl: address, region: v.string() }),
  environment: v.record(v.string(), v.string()),
  configuration: file,
  template: file,
  webServers: v.array(v.object({ name: v.string(), url: address, address: v.string(), port: v.number() })),
});

let program: Program;
let path: string;
let local: v.InferOutput<typeof localFile>;

beforeAll(async () => {
  program = runProgram('start.ts', (folder) => [
    '--haproxies',
    '2',
    '--reconcile-every',
    '1',
    '--folder',
    folder,
  ]);
  path = join(program.folder, 'local.json');
  await until(() => program.output().includes('Ctrl-C stops everything'), {
    what: 'npm start to be ready',
    within: 50_000,
  });
  local = v.parse(localFile, JSON.parse(readFileSync(path, 'utf8')));
});
afterAll(() => program?.remove());
beforeEach(() => onTestFailed(() => console.error(program.output())));

/** Printed commands, in order. */
function hints(): string[] {
  return program
    .output()
    .split('\n')
    .filter((line) => /^ {2}(curl|\.) /.test(line))
    .map((line) => line.trim());
}

async function inShell(command: string): Promise<string> {
  const { stdout } = await promisify(execFile)('sh', ['-c', command], { cwd: checkout });
  return stdout;
}

describe('.hitless/local.json', () => {
  test('is for its owner alone', () => {
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(program.folder, 'local.env')).mode & 0o777).toBe(0o600);
  });

  test('names as many HAProxies as were asked for, and every way to each of them works', async () => {
    expect(local.haproxies.map(({ name }) => name)).toEqual(['lb1', 'lb2']);
    for (const { frontend, runtimeApi, socket } of local.haproxies) {
      expect((await fetch(frontend)).status).toBe(503);
      const { hostname: host, port } = new URL(runtimeApi);
      const addresses = [
        { scheme: 'tcp', host, port: Number(port) },
        { scheme: 'unix', path: socket },
      ] as const;
      for (const one of addresses) {
        const session = await openSession(one, { tls: {}, signal: AbortSignal.timeout(10_000) });
        expect((await session.readInfo()).pid).toBeGreaterThan(0);
        await session.close();
      }
    }
  });

  test('its token opens the webhook, another one does not', async () => {
    const post = (token: string) =>
      fetch(local.webhook.url, { method: 'POST', body: '[]', headers: { Authorization: `Bearer ${token}` } });
    expect((await post('x'.repeat(32))).status).toBe(401);
    expect((await post(local.webhook.token)).status).toBe(202);
  });

  test('leads the AWS SDK to the objects and to both queues', async () => {
    const { endpoint, bucket, prefix, region, credentials: keys } = local.s3;
    const s3 = new S3Client({ endpoint, region, credentials: keys, forcePathStyle: true });
    const slots = await s3.send(
      new GetObjectCommand({ Bucket: bucket, Key: `${prefix}/fleets/edge/slots.json` }),
    );
    expect(JSON.parse((await slots.Body?.transformToString()) ?? '')).toMatchObject({ fleet: 'edge' });
    s3.destroy();
    const sqs = new SQSClient({ endpoint: local.sqs.endpoint, region, credentials: keys });
    for (const QueueUrl of [local.sqs.queueUrl, local.sqs.deadLetterQueueUrl]) {
      const asked = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['FifoQueue'] });
      expect((await sqs.send(asked)).Attributes).toEqual({ FifoQueue: 'true' });
    }
    sqs.destroy();
  });

  test("names a hitless.yml that can be used, with the article's hundred slots", async () => {
    const config = await loadConfig(local.configuration);
    expect(config.consul.address).toBe(local.consul.url);
    expect(config.fleets.map(({ name, backends }) => [name, backends.map(({ slots }) => slots)])).toEqual([
      ['edge', [100]],
    ]);
    expect(config.fleets[0]?.template?.path).toBe(local.template);
  });
});

test('every printed command works as written, and what it does is told as it happens', async () => {
  const [first = '', second = '', request = '', status = '', deregister = ''] = hints();
  const answers = async () => [await inShell(request), await inShell(request)].sort().join('');
  await inShell(first);
  await inShell(second);
  await until(async () => (await answers()) === 'web1\nweb2\n', { what: 'both to be served' });
  expect(await inShell(status)).toMatch(/edge.*generation \d+/);
  await inShell(deregister);
  await until(async () => (await answers()) === 'web1\nweb1\n', { what: 'web2 to be gone' });
  await until(() => /lb2: \d+ commands?, read back/.test(program.output()), { what: 'the told commands' });
  expect(program.output()).not.toContain('\u001b');
});

test('a second one in the same folder is refused, and the first one goes on', async () => {
  const second = runProgram('start.ts', () => ['--folder', program.folder]);
  expect(await second.ended).toBe(1);
  expect(second.output()).toContain(`process id ${program.pid}`);
  await second.remove();
  expect((await fetch(local.consul.url)).status).toBeGreaterThan(0);
});

test('SIGINT ends it: everything is stopped, nothing is left', async () => {
  const pids = local.haproxies.map(({ masterPid }) => masterPid);
  expect(pids.filter(isAlive)).toEqual(pids);
  program.signal('SIGINT');
  expect(await program.ended).toBe(0);
  expect(pids.filter(isAlive)).toEqual([]);
  expect(program.leftovers()).toEqual([]);
});

test('SIGTERM while it starts ends it, and what had been started', async () => {
  const starting = runProgram('start.ts', (folder) => ['--folder', folder]);
  await until(() => childrenOf(starting.pid).length > 0, { what: 'the first server to start', every: 2 });
  starting.signal('SIGTERM');
  expect(await starting.ended).toBe(143);
  await until(() => starting.leftovers().length === 0, { what: 'nothing to be left' });
  await starting.remove();
});

test('--help says what there is to choose, a number that is none is refused', async () => {
  const help = runProgram('start.ts', () => ['--help']);
  expect(await help.ended).toBe(0);
  expect(help.output()).toMatch(/--haproxies.*load balancers/);
  await help.remove();
  const wrong = runProgram('start.ts', () => ['--haproxies', 'many']);
  expect(await wrong.ended).toBe(1);
  expect(wrong.output()).toContain('whole number');
  await wrong.remove();
});
