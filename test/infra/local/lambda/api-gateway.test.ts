import { request as httpRequest } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startApiGateway } from '../../../../infra/local/lambda/api-gateway.ts';
import type { InvocationResult, Invoke } from '../../../../infra/local/lambda/invocation.ts';
import { startFunction } from './start-function.ts';

/** A gateway with one route, whose function answers with `payload` and remembers its events. */
async function gateway(routeKey: string, answer: unknown = 'ok', integrationTimeoutMs = 30_000) {
  const events: unknown[] = [];
  const invoke: Invoke = async (event) => {
    events.push(event);
    return { outcome: 'answered', payload: answer };
  };
  return { events, url: await listen(routeKey, invoke, integrationTimeoutMs) };
}

async function listen(routeKey: string, invoke: Invoke, integrationTimeoutMs = 30_000): Promise<string> {
  const started = await startApiGateway({ [routeKey]: invoke }, { integrationTimeoutMs });
  onTestFinished(() => started.stop());
  return started.url;
}

const failure: InvocationResult = {
  outcome: 'failed',
  error: { errorType: 'Error', errorMessage: 'the inner reason', trace: [] },
};

describe('a request becomes an event of payload format 2.0', () => {
  test('with its path, query, headers and context', async () => {
    const { url, events } = await gateway('POST /watch/{service}');
    await fetch(`${url}/watch/my-cluster?a=1&b=x%20y&a=2`, {
      method: 'POST',
      headers: { Authorization: 'Bearer T', 'X-Consul-Index': '42', 'Content-Type': 'application/json' },
      body: '[]\n',
    });
    const { port } = new URL(url);
    expect(events).toEqual([
      {
        version: '2.0',
        routeKey: 'POST /watch/{service}',
        rawPath: '/watch/my-cluster',
        rawQueryString: 'a=1&b=x%20y&a=2',
        queryStringParameters: { a: '1,2', b: 'x y' },
        pathParameters: { service: 'my-cluster' },
        headers: expect.objectContaining({
          authorization: 'Bearer T',
          'x-consul-index': '42',
          'content-type': 'application/json',
          host: `127.0.0.1:${port}`,
          'x-forwarded-for': '127.0.0.1',
        }),
        requestContext: expect.objectContaining({
          http: {
            method: 'POST',
            path: '/watch/my-cluster',
            protocol: 'HTTP/1.1',
            sourceIp: '127.0.0.1',
            userAgent: expect.any(String),
          },
          routeKey: 'POST /watch/{service}',
          stage: '$default',
          time: expect.stringMatching(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/),
          timeEpoch: expect.any(Number),
        }),
        body: '[]\n',
        isBase64Encoded: false,
      },
    ]);
  });

  test('with repeated headers joined by commas and cookies apart', async () => {
    const { url, events } = await gateway('GET /');
    await new Promise<void>((resolve, reject) => {
      const headers = ['X-Many', 'one', 'x-many', 'two', 'Cookie', 'a=1; b=2'];
      httpRequest(url, { headers: ['Host', 'here', ...headers] }, (response) => {
        response.resume().on('end', resolve);
      })
        .on('error', reject)
        .end();
    });
    expect(events).toMatchObject([{ headers: { 'x-many': 'one,two' }, cookies: ['a=1', 'b=2'] }]);
    expect(events).not.toHaveProperty('0.headers.cookie');
  });

  test.each([
    { type: 'application/json; charset=utf-8', base64: false },
    { type: 'application/vnd.api+json', base64: false },
    { type: 'text/plain', base64: false },
    { type: 'application/octet-stream', base64: true },
    { type: 'application/gzip', base64: true },
    { type: '', base64: true },
  ])('with a body of type "$type" as base64: $base64', async ({ type, base64 }) => {
    const { url, events } = await gateway('PUT /');
    await fetch(url, {
      method: 'PUT',
      headers: { 'Content-Type': type },
      body: new TextEncoder().encode('{"ü":1}'),
    });
    const body = base64 ? Buffer.from('{"ü":1}').toString('base64') : '{"ü":1}';
    expect(events).toMatchObject([{ isBase64Encoded: base64, body }]);
  });

  test('without a body when there is none', async () => {
    const { url, events } = await gateway('POST /');
    await fetch(url, { method: 'POST' });
    expect(events[0]).not.toHaveProperty('body');
  });

  test.each([
    { path: '/watch/my%20cluster', service: 'my cluster' },
    { path: '/watch/a%2Fb', service: 'a/b' },
    { path: '/watch/100%', service: '100%' },
    { path: '/watch/__proto__', service: '__proto__' },
  ])('with the path decoded: $path', async ({ path, service }) => {
    const { url, events } = await gateway('GET /watch/{service}');
    await fetch(`${url}${path}`);
    expect(events).toMatchObject([{ rawPath: `/watch/${service}`, pathParameters: { service } }]);
  });
});

describe('an answer becomes a response', () => {
  test.each([
    {
      what: 'a full answer',
      answer: { statusCode: 202, headers: { 'X-A': 1 }, body: 'done' },
      status: 202,
      text: 'done',
    },
    {
      what: 'base64',
      answer: { statusCode: 200, body: 'w7w=', isBase64Encoded: true },
      status: 200,
      text: 'ü',
    },
    { what: 'no body', answer: { statusCode: 204 }, status: 204, text: '' },
    { what: 'a plain object', answer: { a: 1 }, status: 200, text: '{"a":1}' },
    { what: 'a plain string', answer: 'hello', status: 200, text: 'hello' },
    { what: 'nothing', answer: null, status: 200, text: 'null' },
    {
      what: 'a status that is none',
      answer: { statusCode: 'soon' },
      status: 500,
      text: '{"message":"Internal Server Error"}',
    },
    {
      what: 'a body that is no string',
      answer: { statusCode: 200, body: {} },
      status: 500,
      text: '{"message":"Internal Server Error"}',
    },
  ])('from $what', async ({ answer, status, text }) => {
    const { url } = await gateway('GET /', answer);
    const response = await fetch(url);
    expect({ status: response.status, text: await response.text() }).toEqual({ status, text });
  });

  test('with its headers and cookies', async () => {
    const answer = { statusCode: 200, headers: { 'Retry-After': 5 }, cookies: ['a=1', 'b=2'], body: '' };
    const { url } = await gateway('GET /', answer);
    const { headers } = await fetch(url);
    expect(headers.get('retry-after')).toBe('5');
    expect(headers.getSetCookie()).toEqual(['a=1', 'b=2']);
  });
});

describe("the gateway's own errors", () => {
  test.each([
    { what: 'another path', method: 'POST', path: '/other/x' },
    { what: 'another method', method: 'GET', path: '/watch/x' },
    { what: 'one segment more', method: 'POST', path: '/watch/x/y' },
    { what: 'an empty parameter', method: 'POST', path: '/watch/' },
  ])('404 for $what', async ({ method, path }) => {
    const { url, events } = await gateway('POST /watch/{service}');
    const response = await fetch(`${url}${path}`, { method });
    expect([response.status, await response.json()]).toEqual([404, { message: 'Not Found' }]);
    expect(events).toEqual([]);
  });

  test('500 when the function fails, without its reason', async () => {
    const response = await fetch(await listen('GET /', async () => failure));
    expect([response.status, await response.json()]).toEqual([500, { message: 'Internal Server Error' }]);
  });

  test('503 when the function takes longer than the integration may', async () => {
    const { invoke } = startFunction('misbehaves');
    const url = await listen('POST /', () => invoke({ do: 'hang' }), 50);
    const response = await fetch(url, { method: 'POST' });
    expect([response.status, await response.json()]).toEqual([503, { message: 'Service Unavailable' }]);
  });

  test('413 for more than 10 MB', async () => {
    const { url, events } = await gateway('POST /');
    const body = Buffer.alloc(10 * 1024 * 1024 + 1, 'x');
    const response = await fetch(url, { method: 'POST', body });
    expect([response.status, await response.json()]).toEqual([413, { message: 'Request Entity Too Large' }]);
    expect(events).toEqual([]);
    expect((await fetch(url, { method: 'POST', body: body.subarray(1) })).status).toBe(200);
  });

  test('413 for an event that Lambda does not take', async () => {
    const { invoke } = startFunction('misbehaves');
    const url = await listen('POST /', invoke);
    const response = await fetch(url, { method: 'POST', body: Buffer.alloc(5 * 1024 * 1024) });
    expect(response.status).toBe(413);
  });
});
