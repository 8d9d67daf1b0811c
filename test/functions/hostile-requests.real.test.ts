/** Requests that somebody made up, through the gateway as far as it takes part. See SECURITY.md. */

import './silent.ts';
import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createWebhook, handler } from '../../functions/webhook.ts';
import { wireWebhook } from '../../functions/wiring.ts';
import { type ApiGateway, startApiGateway } from '../../infra/local/lambda/api-gateway.ts';
import { healthEntry } from './health-entry.ts';
import { type Differences, httpEvent, TOKEN } from './http-event.ts';
import { lambdaContext } from './lambda-context.ts';
import { startEnvironment, type TestEnvironment } from './start-environment.ts';

const MIB = 1024 * 1024;

let environment: TestEnvironment;
let gateway: ApiGateway;
/** How many requests reached the function. */
let invocations = 0;

beforeAll(async () => {
  environment = await startEnvironment(`
consul: { address: http://127.0.0.1:8500 }
store: s3://hitless/test
fleets:
  edge:
    instances: { lb1: unix:///run/haproxy/admin.sock }
    backends: { be_template: { service: my-cluster, server: websrv, slots: 10 } }
`);
  const webhook = createWebhook(() => wireWebhook(environment.variables));
  gateway = await startApiGateway({
    'POST /watch/{service}': async (event) => {
      invocations += 1;
      return {
        outcome: 'answered',
        payload: await webhook(event as APIGatewayProxyEventV2, lambdaContext()),
      };
    },
  });
});
afterAll(() => gateway?.stop());
beforeEach(() => {
  invocations = 0;
});
afterEach(() => environment.takeMessages());

async function post(differences: Differences) {
  const { statusCode, body } = await handler(httpEvent(differences), lambdaContext());
  return { status: statusCode, code: JSON.parse(body ?? '').error?.code };
}

const body = JSON.stringify([healthEntry('10.0.0.1')]);

describe('a body that is not what a watch sends queues nothing', () => {
  const base64 = (bytes: Uint8Array) => ({
    body: Buffer.from(bytes).toString('base64'),
    isBase64Encoded: true,
  });
  test.each([
    { what: 'compressed', ...base64(gzipSync(body)) },
    { what: 'in UTF-16', ...base64(Buffer.from(body, 'utf16le')) },
    { what: 'with a broken UTF-8 sequence', ...base64(Buffer.concat([Buffer.from(body), Buffer.of(0xc3)])) },
    { what: 'with an overlong UTF-8 sequence', ...base64(Buffer.from(`["${'\xc0\xaf'}"]`, 'latin1')) },
    { what: 'said to be base64, and not', body, isBase64Encoded: true },
    { what: 'two documents', body: `${body}\n${body}` },
    { what: 'with a comment', body: `/* */${body}` },
    { what: 'with a NUL behind it', body: `${body}\0` },
  ])('$what', async (differences) => {
    expect(await post(differences)).toEqual({ status: 422, code: 'NOT_JSON' });
    expect(await environment.takeMessages()).toEqual([]);
  });

  test.each([
    { what: 'a million arrays in each other', document: '['.repeat(MIB) + ']'.repeat(MIB) },
    {
      what: 'a million objects in each other',
      document: `${'{"a":'.repeat(600_000)}1${'}'.repeat(600_000)}`,
    },
    { what: 'a million arrays that do not end', document: '['.repeat(MIB) },
    { what: 'a million entries that are none', document: `[${'{},'.repeat(MIB)}{}]` },
    { what: 'an object for a prototype', document: '{"__proto__":[],"length":1}' },
  ])('$what', async ({ document }) => {
    expect(await post({ body: document })).toMatchObject({ status: 422 });
    expect(await environment.takeMessages()).toEqual([]);
  });
});

test('what an entry has besides is not looked at, however deep, and reaches neither message nor prototypes', async () => {
  const deep = '['.repeat(MIB) + ']'.repeat(MIB);
  const hostile = `[{"Node":{"Address":"","Meta":${deep}},"Service":{"Address":"10.0.0.9","Port":80,"__proto__":{"polluted":1}},"constructor":{"prototype":{"polluted":1}}}]`;
  expect(await post({ body: hostile })).toMatchObject({ status: 202 });
  expect(await environment.takeMessages()).toMatchObject([
    {
      entries: [
        {
          address: '10.0.0.9',
          port: 80,
          tags: [],
          status: 'passing',
          weights: { passing: 1, warning: 1 },
        },
      ],
    },
  ]);
  expect('polluted' in {}).toBe(false);
});

test('the same request again and again is one message', async () => {
  for (let count = 0; count < 20; count += 1) await post({ body, index: '4711' });
  expect(await environment.takeMessages()).toHaveLength(1);
});

describe('through the gateway', () => {
  const authorization = { Authorization: `Bearer ${TOKEN}` };
  const send = (path: string, init: RequestInit) => fetch(`${gateway.url}${path}`, init);

  test('more than 10 MB never reaches the function', async () => {
    const response = await send('/watch/my-cluster', {
      method: 'POST',
      headers: authorization,
      body: 'x'.repeat(10 * MIB + 1),
    });
    expect([response.status, invocations]).toEqual([413, 0]);
  });

  test.each([
    { what: 'another method', path: '/watch/my-cluster', method: 'PUT', status: 404 },
    { what: 'another path', path: '/watch', method: 'POST', status: 404 },
    { what: 'a deeper path', path: '/watch/my-cluster/x', method: 'POST', status: 404 },
  ])('$what never reaches the function', async ({ path, method, status }) => {
    const response = await send(path, { method, headers: authorization, body });
    expect([response.status, invocations]).toEqual([status, 0]);
  });

  test.each([
    '/watch/my-cluster%2F..%2Fother',
    '/watch/%2e%2e',
    '/watch/my-cluster%00',
    '/watch/%F0%9F',
  ])('%s is no service', async (path) => {
    const response = await send(path, { method: 'POST', headers: authorization, body });
    expect(response.status).toBe(404);
    expect(await environment.takeMessages()).toEqual([]);
  });

  test('a token in the query is none', async () => {
    const path = `/watch/my-cluster?authorization=Bearer%20${TOKEN}&token=${TOKEN}`;
    expect((await send(path, { method: 'POST', body })).status).toBe(401);
  });

  test('a request that stops in the middle of its body never reaches the function, and holds up no other', async () => {
    const slow = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    slow.on('error', () => undefined);
    slow.write(
      `POST /watch/my-cluster HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, -1)}`,
    );
    await once(slow, 'ready');
    const other = await send('/watch/my-cluster', {
      method: 'POST',
      headers: { ...authorization, 'X-Consul-Index': '99' },
      body,
    });
    expect(other.status).toBe(202);
    slow.destroy();
    await once(slow, 'close');
    expect(invocations).toBe(1);
    expect(await environment.takeMessages()).toHaveLength(1);
  });
});
