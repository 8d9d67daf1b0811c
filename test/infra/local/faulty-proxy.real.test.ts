import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Fault, type FaultyProxy, startFaultyProxy } from '../../../infra/local/faulty-proxy.ts';
import { freePort } from '../../../infra/local/free-port.ts';
import { until } from '../../../infra/local/until.ts';

let reached = 0;
const server = createServer((request, response) => {
  reached += 1;
  request.pipe(response.setHeader('x-said', 'yes'));
});
let proxy: FaultyProxy;
beforeAll(async () => {
  const port = await freePort();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  proxy = await startFaultyProxy(`http://127.0.0.1:${port}`);
});
beforeEach(() => {
  reached = 0;
  proxy.faults = () => null;
});
afterAll(async () => {
  await proxy.stop();
  server.closeAllConnections();
  server.close();
});

function put(signal: AbortSignal | null = null): Promise<Response> {
  return fetch(`${proxy.url}/bucket/a%20key`, { method: 'PUT', body: 'half and half', signal });
}

function always(fault: Fault): void {
  proxy.faults = () => fault;
}

test('what nothing happens to goes through, whole', async () => {
  const answer = await put();
  expect([answer.status, answer.headers.get('x-said'), await answer.text()]).toEqual([
    200,
    'yes',
    'half and half',
  ]);
});

test('a request is known by its operation and path', async () => {
  await put();
  await fetch(`${proxy.url}/bucket/k`);
  await fetch(proxy.url, { method: 'POST', headers: { 'x-amz-target': 'AmazonSQS.SendMessageBatch' } });
  expect(proxy.requests.slice(-3)).toMatchObject([
    { operation: 'PutObject', path: 'bucket/a key' },
    { operation: 'GetObject', path: 'bucket/k' },
    { operation: 'SendMessageBatch', path: '' },
  ]);
});

test.each([
  { kind: 'silence', reaches: 0 },
  { kind: 'lost-reply', reaches: 1 },
] as const)('$kind: no answer, and the server has $reaches requests', async ({ kind, reaches }) => {
  always({ kind });
  const giveUp = new AbortController();
  const asked = proxy.requests.length;
  const answer = put(giveUp.signal);
  await until(() => proxy.requests.length > asked && reached === reaches, { what: 'the request' });
  giveUp.abort();
  await expect(answer).rejects.toThrow();
  expect(reached).toBe(reaches);
});

test.each([
  { kind: 'reset', reaches: 0 },
  { kind: 'reset-reply', reaches: 1 },
] as const)('$kind: the connection is reset, and the server has $reaches requests', async ({
  kind,
  reaches,
}) => {
  always({ kind });
  await expect(put()).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
  expect(reached).toBe(reaches);
});

test('cut: half of the body comes, and then the end of the connection', async () => {
  always({ kind: 'cut' });
  const answer = await put();
  expect(answer.headers.get('content-length')).toBe('13');
  await expect(answer.text()).rejects.toThrow('terminated');
});

test('answer: it is not the server that answers', async () => {
  always({ kind: 'answer', status: 503, type: 'text/html', body: '<html>' });
  const answer = await put();
  expect([answer.status, await answer.text(), reached]).toEqual([503, '<html>', 0]);
});

test('delay: it goes through later', async () => {
  always({ kind: 'delay', ms: 100 });
  const beganMs = performance.now();
  expect((await put()).status).toBe(200);
  expect(performance.now() - beganMs).toBeGreaterThanOrEqual(99);
});
