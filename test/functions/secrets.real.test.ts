import './silent.ts';
import { readFile } from 'node:fs/promises';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFinished,
  test,
  vi,
} from 'vitest';
import { createWebhook } from '../../functions/webhook.ts';
import { type Environment, wireWebhook, wireWorker } from '../../functions/wiring.ts';
import { createWorker } from '../../functions/worker.ts';
import { type Certificates, createCertificates } from '../../infra/local/certificates.ts';
import { type LocalHaproxy, startHaproxy } from '../../infra/local/haproxy.ts';
import { startFunctionPool } from '../../infra/local/lambda/function-pool.ts';
import { healthEntry } from './health-entry.ts';
import { httpEvent } from './http-event.ts';
import { lambdaContext } from './lambda-context.ts';
import { sqsEvent, sqsRecord } from './sqs-record.ts';
import { startEnvironment, type TestEnvironment } from './start-environment.ts';
import { type Parameters, startParameters } from './start-parameters.ts';
import { type Registry, startRegistry } from './start-registry.ts';

const TOKENS = '/hitless/test/webhook-tokens';
const CONSUL = '/hitless/test/consul-token';
const TLS = '/hitless/test/tls';
const first = 'the-first-token-of-the-webhook';
const second = 'the-second-token-of-the-webhook';
const FIVE_MINUTES_MS = 5 * 60_000;

let parameters: Parameters;
let registry: Registry;
let certificates: Certificates;
let haproxy: LocalHaproxy;
let environment: TestEnvironment;
let variables: Environment;

beforeAll(async () => {
  [parameters, registry, certificates] = await Promise.all([
    startParameters(),
    startRegistry(),
    createCertificates(),
  ]);
  haproxy = await startHaproxy({
    backend: 'backend be_template\n  server-template websrv 1-10 0.0.0.0:80 disabled\n',
    tls: { serverPem: certificates.serverPem, ca: certificates.ca },
  });
  environment = await startEnvironment(`
consul: { address: ${registry.url} }
store: s3://hitless/test
fleets:
  edge:
    instances: { lb1: "tls://127.0.0.1:${haproxy.tlsRuntime?.port}" }
    tls: { ca: /not/there.pem }
    backends:
      be_template: { service: my-cluster, server: websrv, slots: 10, drain: 0s, hold: 0s, keep: 0% }
`);
  vi.stubEnv('AWS_ENDPOINT_URL_SSM', parameters.url);
  variables = {
    ...environment.variables,
    HITLESS_WEBHOOK_TOKENS: undefined,
    HITLESS_WEBHOOK_TOKENS_PARAMETER: TOKENS,
    HITLESS_CONSUL_TOKEN_PARAMETER: CONSUL,
    HITLESS_TLS_PARAMETERS: `${TLS}/`,
  };
});
afterAll(async () => {
  await haproxy?.stop();
  certificates?.remove();
});

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  Object.assign(parameters, { mode: 'answers' });
  parameters.asked.length = 0;
  registry.tokens.length = 0;
  registry.entries = [healthEntry('127.0.0.11')];
  parameters.values.set(TOKENS, first).set(CONSUL, 'consul-one');
  for (const name of ['ca', 'cert', 'key'] as const) {
    parameters.values.set(`${TLS}/${name}`, await readFile(certificates[name], 'utf8'));
  }
});
afterEach(() => {
  vi.useRealTimers();
  return environment.takeMessages();
});

function later(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

describe("the webhook's tokens", () => {
  function start(differences: Environment = {}) {
    const stale: unknown[] = [];
    const webhook = createWebhook(() =>
      wireWebhook({ ...variables, ...differences }, (error) => stale.push(error)),
    );
    const post = async (token: string) => {
      const event = httpEvent({ authorization: `Bearer ${token}` });
      return webhook(event, lambdaContext());
    };
    return { stale, status: async (token: string) => (await post(token)).statusCode, post };
  }

  test('are read once; no number of refused tokens makes them be read again', async () => {
    const { status } = start();
    expect(await Promise.all([status(first), status(second), status(first)])).toEqual([202, 401, 202]);
    for (let count = 0; count < 200; count += 1) expect(await status(`${second}-${count}`)).toBe(401);
    expect(parameters.asked).toEqual([[TOKENS]]);
  });

  test('are rotated without a deployment: both for a while, then the new one alone', async () => {
    const { status } = start();
    expect([await status(first), await status(second)]).toEqual([202, 401]);
    parameters.values.set(TOKENS, `${first},${second}\n`);
    later(FIVE_MINUTES_MS);
    expect([await status(first), await status(second)]).toEqual([202, 202]);
    parameters.values.set(TOKENS, second);
    later(FIVE_MINUTES_MS - 1);
    expect(await status(first)).toBe(202);
    later(1);
    expect([await status(first), await status(second)]).toEqual([401, 202]);
    expect(parameters.asked).toHaveLength(3);
  });

  test.each([
    { what: 'SSM denies them', spoil: () => Object.assign(parameters, { mode: 'denies' }) },
    { what: 'SSM does not answer', spoil: () => Object.assign(parameters, { mode: 'silent' }) },
    { what: 'the parameter is gone', spoil: () => parameters.values.delete(TOKENS) },
    { what: 'the new ones are too short', spoil: () => parameters.values.set(TOKENS, 'short') },
    { what: 'the new ones are JSON', spoil: () => parameters.values.set(TOKENS, '["a","b"]') },
  ])('stay as they were while $what, which the log tells', async ({ spoil }) => {
    const { status, stale } = start();
    expect(await status(first)).toBe(202);
    spoil();
    later(FIVE_MINUTES_MS);
    expect([await status(first), await status(second)]).toEqual([202, 401]);
    expect(stale).toEqual([expect.objectContaining({ message: expect.stringContaining(TOKENS) })]);
    Object.assign(parameters, { mode: 'answers' });
    parameters.values.set(TOKENS, second);
    later(5_000);
    expect([await status(first), await status(second)]).toEqual([401, 202]);
  });

  test('that were never read: 500, which tells the caller nothing and asks SSM once in five seconds', async () => {
    parameters.values.delete(TOKENS);
    const { post } = start();
    for (let count = 0; count < 50; count += 1) {
      const { statusCode, body } = await post(first);
      expect(statusCode).toBe(500);
      expect(body).toBe('{"error":{"code":"INTERNAL","message":"see the log of the webhook"}}');
    }
    expect(parameters.asked).toHaveLength(1);
    parameters.values.set(TOKENS, first);
    later(5_000);
    expect((await post(first)).statusCode).toBe(202);
  });

  test('may stand in the environment or in a parameter, not in both', async () => {
    const { status } = start({ HITLESS_WEBHOOK_TOKENS: first });
    expect(await status(first)).toBe(500);
    expect(parameters.asked).toEqual([]);
  });
});

describe('the worker', () => {
  function start() {
    const worker = createWorker(() => wireWorker(variables));
    return async () => {
      const message = { version: 1, kind: 'reconcile', fleet: 'edge', requestedAtMs: Date.now() } as const;
      const answer = await worker(sqsEvent(sqsRecord({ body: message })), lambdaContext());
      expect(answer).toEqual({ batchItemFailures: [] });
    };
  }

  async function served(): Promise<readonly string[]> {
    const state = await haproxy.ask('show servers state be_template');
    const columns = state.split('\n').map((line) => line.split(' '));
    return columns
      .filter(([, , , , , , admin]) => admin === '0' || admin === '4')
      .map((line) => line[4] ?? '');
  }

  test("uses the parameters' client certificate and Consul token, and a new token after five minutes", async () => {
    const pass = start();
    await pass();
    expect(await served()).toEqual(['127.0.0.11']);
    parameters.values.set(CONSUL, 'consul-two\n');
    registry.entries = [healthEntry('127.0.0.12')];
    await pass();
    later(FIVE_MINUTES_MS);
    await pass();
    expect(await served()).toEqual(['127.0.0.12']);
    expect(registry.tokens).toEqual(['consul-one', 'consul-one', 'consul-two']);
  });

  test('goes on with the former certificate while key and certificate do not fit', async () => {
    const pass = start();
    await pass();
    parameters.values.set(`${TLS}/key`, await readFile(certificates.stranger.key, 'utf8'));
    registry.entries = [healthEntry('127.0.0.13')];
    later(FIVE_MINUTES_MS);
    await pass();
    expect(await served()).toEqual(['127.0.0.13']);
  });

  test("does a pass without Consul's token or the certificate being there, and says what is missing", async () => {
    const lines = await logOf({ spoil: () => parameters.values.delete(CONSUL) });
    expect(lines).toContain(`InvalidParameter ${CONSUL}`);
    const others = await logOf({ spoil: () => parameters.values.delete(`${TLS}/key`) });
    expect(others).toContain(`InvalidParameter ${TLS}/key`);
    expect(others).toContain('instance_lagging');
  });
});

/** What the deployed functions write, started as they are on AWS, for one event that is accepted and one that is not. */
async function logOf({ spoil }: { readonly spoil: () => unknown }): Promise<string> {
  spoil();
  const lines: string[] = [];
  const environmentOf = Object.fromEntries(
    Object.entries({
      ...variables,
      AWS_ENDPOINT_URL_SSM: parameters.url,
      POWERTOOLS_LOG_LEVEL: 'DEBUG',
    }).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  const start = (name: string) => {
    const pool = startFunctionPool(
      {
        name,
        module: new URL(`../../functions/${name}.ts`, import.meta.url),
        handler: 'handler',
        environment: environmentOf,
        timeoutMs: 30_000,
        memoryMb: 256,
      },
      { concurrency: 1, log: ({ line }) => lines.push(line) },
    );
    onTestFinished(() => pool.stop());
    return pool;
  };
  const webhook = start('webhook');
  await webhook.invoke(httpEvent({ authorization: `Bearer ${first}` }));
  await webhook.invoke(httpEvent({ authorization: `Bearer ${second}` }));
  const message = { version: 1, kind: 'reconcile', fleet: 'edge', requestedAtMs: Date.now() } as const;
  await start('worker').invoke(sqsEvent(sqsRecord({ body: message })));
  return lines.join('\n');
}

test.each([
  { what: 'everything is right', spoil: () => undefined },
  { what: 'SSM denies', spoil: () => Object.assign(parameters, { mode: 'denies' }) },
  { what: 'the tokens are unusable', spoil: () => parameters.values.set(TOKENS, 'secret-abc') },
  {
    what: 'the key is unusable',
    spoil: () => parameters.values.set(`${TLS}/key`, `${parameters.values.get(`${TLS}/key`)}`.slice(0, 150)),
  },
])('no secret is in the log or the environment when $what', async ({ spoil }) => {
  const log = await logOf({ spoil });
  const secrets = [...parameters.values].flatMap(([name, value]) =>
    name.endsWith('/ca') || name.endsWith('/cert') ? [] : value.split('\n').filter((line) => line.length > 8),
  );
  expect(secrets.length).toBeGreaterThan(3);
  for (const secret of secrets.filter((line) => !line.startsWith('-----'))) {
    expect(log).not.toContain(secret);
    expect(JSON.stringify(variables)).not.toContain(secret);
  }
  expect(log).not.toContain(first);
  expect(log).toContain('hitless-webhook');
});
