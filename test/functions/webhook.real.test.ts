import './silent.ts';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createWebhook, handler } from '../../functions/webhook.ts';
import { wireWebhook } from '../../functions/wiring.ts';
import { healthEntry } from './health-entry.ts';
import { type Differences, httpEvent, TOKEN } from './http-event.ts';
import { lambdaContext } from './lambda-context.ts';
import { startEnvironment, type TestEnvironment } from './start-environment.ts';

const CONFIGURATION = `
consul: { address: http://127.0.0.1:8500 }
store: s3://hitless/test
fleets:
  edge:
    instances: { lb1: unix:///run/haproxy/admin.sock }
    backends:
      be_template: { service: my-cluster, server: websrv, slots: 10 }
      be_api: { service: api, server: api, slots: 10 }
  inner:
    instances: { consul: { service: haproxy-runtime, scheme: tcp } }
    backends:
      be_inner: { service: my-cluster, server: srv, slots: 10 }
`;

let environment: TestEnvironment;
beforeAll(async () => {
  environment = await startEnvironment(CONFIGURATION);
});
afterEach(() => environment.takeMessages());

async function post(differences: Differences = {}, webhook = handler) {
  const { statusCode, headers, body } = await webhook(httpEvent(differences), lambdaContext());
  return { status: statusCode, headers: headers ?? {}, body: JSON.parse(body ?? '') };
}

describe('a post that is accepted', () => {
  test('queues one message for each fleet that uses the service, and says which', async () => {
    const entries = [healthEntry('10.0.0.1'), healthEntry('10.0.0.2', 80, ['web'])];
    const { status, headers, body } = await post({ body: JSON.stringify(entries), index: '4242' });
    expect(status).toBe(202);
    expect(headers['Content-Type']).toBe('application/json');
    const queuedFor = (fleet: string) => ({
      fleet,
      messageId: expect.any(String),
      deduplicationId: expect.stringMatching(/^[0-9a-f]{64}$/),
      entries: 2,
    });
    expect(body).toEqual({
      service: 'my-cluster',
      index: '4242',
      queued: [queuedFor('edge'), queuedFor('inner')],
    });
    const messages = await environment.takeMessages();
    const plain = { status: 'passing', weights: { passing: 1, warning: 1 } };
    const message = {
      version: 1,
      kind: 'changed',
      service: 'my-cluster',
      index: '4242',
      receivedAtMs: expect.any(Number),
      entries: [
        { ...plain, address: '10.0.0.1', port: 8080, tags: [] },
        { ...plain, address: '10.0.0.2', port: 80, tags: ['web'] },
      ],
    };
    expect(messages).toHaveLength(2);
    expect(messages).toEqual(
      expect.arrayContaining([
        { ...message, fleet: 'edge' },
        { ...message, fleet: 'inner' },
      ]),
    );
  });

  test('leaves the fleets alone that do not use the service', async () => {
    await post({ service: 'api' });
    expect(await environment.takeMessages()).toMatchObject([{ fleet: 'edge', service: 'api' }]);
  });

  test('may be of the service that a fleet finds its load balancers by', async () => {
    const { status } = await post({ service: 'haproxy-runtime' });
    expect(status).toBe(202);
    expect(await environment.takeMessages()).toMatchObject([{ fleet: 'inner', service: 'haproxy-runtime' }]);
  });

  test('is one message when three agents post the same event, in whatever order', async () => {
    const entries = [healthEntry('10.0.0.1'), healthEntry('10.0.0.2'), healthEntry('10.0.0.3')];
    const index = '77';
    const ids = new Set<string>();
    for (const order of [entries, entries.toReversed(), entries]) {
      const { body } = await post({ service: 'api', index, body: JSON.stringify(order) });
      ids.add(body.queued[0].deduplicationId);
    }
    expect(ids.size).toBe(1);
    expect(await environment.takeMessages()).toHaveLength(1);
  });

  test.each([
    { what: 'another index', index: '78', second: { index: '79' } },
    { what: 'other content', index: '90', second: { body: JSON.stringify([healthEntry('10.0.0.9')]) } },
  ])('is a message of its own with $what', async ({ index, second }) => {
    const first = { service: 'api', index, body: JSON.stringify([healthEntry('10.0.0.1')]) };
    await post(first);
    await post({ ...first, ...second });
    expect(await environment.takeMessages()).toHaveLength(2);
  });

  test('keeps an index that is larger than a JavaScript number holds', async () => {
    const { body } = await post({ service: 'api', index: '14626308409737068583' });
    expect(body.index).toBe('14626308409737068583');
    expect(await environment.takeMessages()).toMatchObject([{ index: '14626308409737068583' }]);
  });

  test.each([{ index: null }, { index: 'soon' }])('may come without an index ($index)', async ({ index }) => {
    const { status, body } = await post({ service: 'api', index });
    expect([status, body.index]).toEqual([202, null]);
    expect(await environment.takeMessages()).toMatchObject([{ index: null }]);
  });

  test('may be base64', async () => {
    const body = Buffer.from(JSON.stringify([healthEntry('10.0.0.7')])).toString('base64');
    expect(await post({ service: 'api', index: '80', body, isBase64Encoded: true })).toMatchObject({
      status: 202,
    });
    expect(await environment.takeMessages()).toMatchObject([{ entries: [{ address: '10.0.0.7' }] }]);
  });

  test('may be as large as 5 MiB; what does not fit into a message is left for Consul', async () => {
    const entry = JSON.stringify(healthEntry('10.0.0.1'));
    const count = Math.floor((5 * 1024 * 1024 - 2) / (entry.length + 1));
    const body = `[${Array(count).fill(entry).join(',')}]`.padEnd(5 * 1024 * 1024);
    const { status, body: answer } = await post({ service: 'api', index: '81', body });
    expect([status, answer.queued[0].entries]).toEqual([202, count]);
    expect(await environment.takeMessages()).toMatchObject([{ entries: null }]);
  });

  test('is measured after base64 decoding', async () => {
    const body = Buffer.from('[]'.padEnd(5 * 1024 * 1024)).toString('base64');
    const accepted = await post({ service: 'api', index: '82', body, isBase64Encoded: true });
    expect(accepted).toMatchObject({ status: 202 });
  });

  test('carries one of two valid tokens while they are being rotated', async () => {
    const older = 'the-older-of-the-two-tokens';
    const HITLESS_WEBHOOK_TOKENS = `${TOKEN}, ${older}`;
    const both = createWebhook(() => wireWebhook({ ...environment.variables, HITLESS_WEBHOOK_TOKENS }));
    for (const token of [TOKEN, older]) {
      expect(await post({ authorization: `Bearer ${token}` }, both)).toMatchObject({ status: 202 });
    }
    const neither = { authorization: `Bearer ${TOKEN}, ${older}` };
    expect(await post(neither, both)).toMatchObject({ status: 401 });
  });

  test.each(['bearer', 'BEARER', 'Bearer  '])('may write the scheme as "%s"', async (scheme) => {
    expect(await post({ authorization: `${scheme} ${TOKEN}` })).toMatchObject({ status: 202 });
  });
});

describe('a post that is refused queues nothing and says why', () => {
  test.each([
    { what: 'no token', authorization: null },
    { what: 'an empty token', authorization: 'Bearer ' },
    { what: 'a wrong token', authorization: `Bearer ${TOKEN}x` },
    { what: 'the beginning of a token', authorization: `Bearer ${TOKEN.slice(0, -1)}` },
    { what: 'another scheme', authorization: `Basic ${TOKEN}` },
    { what: 'no scheme', authorization: TOKEN },
  ])('401 with $what', async ({ authorization }) => {
    const { status, headers, body } = await post({ authorization, service: 'unknown', body: 'nonsense' });
    expect(status).toBe(401);
    expect(headers['WWW-Authenticate']).toBe('Bearer');
    expect(body).toEqual({
      error: { code: 'UNAUTHORIZED', message: expect.stringContaining('http_handler_config.header') },
    });
    expect(await environment.takeMessages()).toEqual([]);
  });

  test.each(['unknown', '', '__proto__', 'my-cluster/x'])('404 for the service "%s"', async (service) => {
    const { status, body } = await post({ service, body: 'nonsense' });
    expect(status).toBe(404);
    expect(body.error.code).toBe('UNKNOWN_SERVICE');
    expect(body.error.message).toContain(JSON.stringify(service));
    expect(await environment.takeMessages()).toEqual([]);
  });

  test.each([
    { base64: false },
    { base64: true },
  ])('413 for one byte more than 5 MiB (base64: $base64)', async ({ base64 }) => {
    const large = '[]'.padEnd(5 * 1024 * 1024 + 1);
    const body = base64 ? Buffer.from(large).toString('base64') : large;
    const answer = await post({ body, isBase64Encoded: base64 });
    expect(answer).toMatchObject({ status: 413, body: { error: { code: 'BODY_TOO_LARGE' } } });
    expect(answer.body.error.message).toContain('5242881 bytes');
    expect(await environment.takeMessages()).toEqual([]);
  });

  test.each([
    { what: 'nothing', body: '' },
    { what: 'text', body: 'hello' },
    { what: 'half of a document', body: '[{"Node":' },
    {
      what: 'bytes that are no UTF-8',
      body: Buffer.from([0x22, 0xff, 0x22]).toString('base64'),
      isBase64Encoded: true,
    },
  ])('422 for $what', async ({ body, isBase64Encoded = false }) => {
    const answer = await post({ body, isBase64Encoded });
    expect(answer).toMatchObject({ status: 422, body: { error: { code: 'NOT_JSON' } } });
    expect(await environment.takeMessages()).toEqual([]);
  });

  /** Recorded from Consul 1.8.7, shortened; the shapes of platform facts. */
  test.each([
    { type: 'services', body: { consul: [], web: ['v1'] } },
    { type: 'checks', body: [{ Node: 'n', CheckID: 'c', Name: 'c', Status: 'passing', ServiceID: '' }] },
    { type: 'keyprefix', body: [{ Key: 'a/b', CreateIndex: 1, ModifyIndex: 1, Value: 'eA==' }] },
    { type: 'key', body: { Key: 'a', CreateIndex: 1, ModifyIndex: 1, Value: 'eA==' } },
    { type: 'key or keyprefix', body: null },
    { type: 'event', body: [{ ID: 'x', Name: 'deploy', Payload: null, Version: 1, LTime: 2 }] },
    { type: 'nodes', body: [{ ID: 'x', Node: 'n1', Address: '10.0.0.1', Datacenter: 'dc1' }] },
  ])('422 for the body of a watch of type $type, which it names', async ({ type, body }) => {
    const answer = await post({ body: JSON.stringify(body) });
    expect(answer).toMatchObject({ status: 422, body: { error: { code: 'NOT_A_SERVICE_WATCH' } } });
    expect(answer.body.error.message).toContain(`of a watch of type "${type}"`);
    expect(await environment.takeMessages()).toEqual([]);
  });

  test.each(
    [{}, 7, 'text', true, [1], [null], [[]], [{ Node: {}, Service: { Port: '80' } }]].map((body) => ({
      body,
    })),
  )('422 for $body, which no watch sends', async ({ body }) => {
    const answer = await post({ body: JSON.stringify(body) });
    expect(answer).toMatchObject({ status: 422, body: { error: { code: 'NOT_A_SERVICE_WATCH' } } });
    expect(await environment.takeMessages()).toEqual([]);
  });
});

describe('a webhook that cannot do its work', () => {
  test('answers 503 with Retry-After when the queue refuses', async () => {
    const HITLESS_QUEUE_URL = `${environment.queueUrl}-gone`;
    const broken = createWebhook(() => wireWebhook({ ...environment.variables, HITLESS_QUEUE_URL }));
    const { status, headers, body } = await post({}, broken);
    expect(status).toBe(503);
    expect(headers['Retry-After']).toBe('5');
    expect(body.error.code).toBe('QUEUE_REFUSED');
    expect(body.error.message).toContain('-gone');
    expect(await environment.takeMessages()).toEqual([]);
  });

  test.each([
    { what: 'without tokens', variables: { HITLESS_WEBHOOK_TOKENS: '' } },
    { what: 'with a token that is too short', variables: { HITLESS_WEBHOOK_TOKENS: `${TOKEN},short` } },
    { what: 'with three tokens', variables: { HITLESS_WEBHOOK_TOKENS: `${TOKEN},${TOKEN}2,${TOKEN}3` } },
    { what: 'without a queue', variables: { HITLESS_QUEUE_URL: '' } },
    { what: 'without a configuration', variables: { HITLESS_CONFIG: '/does/not/exist.yml' } },
  ])('answers 500 $what, and tells the caller nothing about it', async ({ variables }) => {
    const broken = createWebhook(() => wireWebhook({ ...environment.variables, ...variables }));
    const answer = await post({}, broken);
    expect(answer).toMatchObject({
      status: 500,
      body: { error: { code: 'INTERNAL', message: 'see the log of the webhook' } },
    });
  });
});
