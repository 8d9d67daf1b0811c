/** Everything that is not Consul answering well, over real HTTP from a server of our own. */

import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { ConsulFailed } from '../../lib/consul/consul-failed.ts';
import { type ConsulReader, createConsulReader } from '../../lib/consul/consul-reader.ts';

const servers = new Set<Server>();

afterEach(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  servers.clear();
});

/** A server in Consul's place; the answers that are not JSON here are what Consul 1.8.7 says. */
async function inPlaceOfConsul(answer: RequestListener, host = '127.0.0.1'): Promise<string> {
  const server = createServer(answer);
  servers.add(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  return host.includes(':') ? `http://[${host}]:${port}` : `http://${host}:${port}`;
}

function json(body: string, headers: Record<string, string> = {}): RequestListener {
  return (_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(body);
}

function plain(status: number, text: string): RequestListener {
  return (_request, response) => response.writeHead(status, { 'content-type': 'text/plain' }).end(text);
}

function readerOf(
  address: string,
  differs: { token?: string; timeoutMs?: number; dc?: string } = {},
): ConsulReader {
  const consul = { address, datacenter: differs.dc ?? null, tls: {} };
  return createConsulReader(consul, { timeoutMs: differs.timeoutMs ?? 20_000, token: differs.token });
}

async function failureOf(promise: Promise<unknown>): Promise<ConsulFailed> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof ConsulFailed) return error;
  throw new Error(`expected ConsulFailed, got ${inspect(error)}`);
}

describe('each failure says which call and what was said', () => {
  test.each([
    {
      what: '500',
      answer: plain(500, 'No cluster leader'),
      status: 500,
      says: 'answered 500: No cluster leader',
    },
    {
      what: '403',
      answer: plain(403, 'Permission denied'),
      status: 403,
      says: /403: Permission denied \(HITLESS_/,
    },
    { what: '429 and nothing more', answer: plain(429, ''), status: 429, says: /answered 429$/ },
    {
      what: 'an error page',
      answer: plain(502, `<html>\n${'x'.repeat(900)}`),
      status: 502,
      says: /<html>\\nx+…$/,
    },
    {
      what: 'a page for people',
      answer: plain(200, '<html>'),
      status: 200,
      says: 'text/plain instead of JSON',
    },
    { what: 'nothing at all', answer: plain(200, ''), status: 200, says: 'instead of JSON' },
    {
      what: 'broken JSON',
      answer: json('[{"Node":'),
      status: 200,
      says: /answered 200, but decode .* failed/,
    },
    { what: 'null', answer: json('null'), status: 200, says: 'got null' },
    {
      what: 'somebody else’s JSON',
      answer: json('{"hello":"there"}'),
      status: 200,
      says: 'an object with hello',
    },
    {
      what: 'a list that the token shortened',
      answer: json('[]', { 'x-consul-results-filtered-by-acls': 'true' }),
      status: 200,
      says: 'HITLESS_CONSUL_TOKEN lacks service:read',
    },
  ])('$what', async ({ answer, status, says }) => {
    const address = await inPlaceOfConsul(answer);
    const failure = await failureOf(readerOf(address).readService('web'));
    expect(failure.message).toContain(`GET /v1/health/service/web at ${address}: `);
    expect(failure.message).toMatch(says);
    expect(failure.status).toBe(status);
  });

  test('nobody listens', async () => {
    const address = await inPlaceOfConsul(json('[]'));
    for (const server of servers) await new Promise((resolve) => server.close(resolve));
    const failure = await failureOf(readerOf(address).readService('web'));
    expect(failure.message).toContain(`at ${address}: connect ECONNREFUSED`);
    expect(failure.status).toBeNull();
  });

  test('a certificate authority that cannot be read', async () => {
    const tls = { ca: '/nonexistent/ca.pem' };
    const reader = createConsulReader(
      { address: 'https://127.0.0.1:1', datacenter: null, tls },
      { timeoutMs: 1_000 },
    );
    const failure = await failureOf(reader.readService('web'));
    expect(failure.message).toContain('cannot use the TLS files: ENOENT');
    expect(failure.message).toContain('/nonexistent/ca.pem');
  });

  test('a certificate authority that is a device', async () => {
    const tls = { ca: '/dev/zero' };
    const consul = { address: 'https://127.0.0.1:1', datacenter: null, tls };
    const failure = await failureOf(createConsulReader(consul, { timeoutMs: 1_000 }).readService('web'));
    expect(failure.message).toContain('cannot use the TLS files: /dev/zero is a device, not a file');
  });
});

describe('no call lasts longer than its time', () => {
  test.each([
    { what: 'accepts and never answers', answer: () => {} },
    {
      what: 'begins an answer and stops',
      answer: (_request: IncomingMessage, response: Parameters<RequestListener>[1]) => {
        response.writeHead(200, { 'content-type': 'application/json' }).write('[');
      },
    },
    {
      what: 'breaks off in the middle of an answer',
      answer: (_request: IncomingMessage, response: Parameters<RequestListener>[1]) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
        response.write('[', () => response.destroy());
      },
    },
  ])('a server that $what', async ({ answer }) => {
    const address = await inPlaceOfConsul(answer);
    const failure = await failureOf(readerOf(address, { timeoutMs: 300 }).readService('web'));
    expect(failure.why).toMatch(/timed out \(300ms\)|aborted|hang up/);
  });

  test('the caller can give up earlier, and before it began', async () => {
    const asked = Promise.withResolvers<void>();
    const address = await inPlaceOfConsul(() => asked.resolve());
    const caller = new AbortController();
    const reading = failureOf(readerOf(address).readService('web', { signal: caller.signal }));
    await asked.promise;
    caller.abort();
    expect((await reading).why).toBe('given up by the caller');
    const never = await failureOf(readerOf(address).readService('web', { signal: caller.signal }));
    expect(never.why).toBe('given up before it was sent');
  });
});

test('a kept connection that Consul closed meanwhile costs a second try, not an error', async () => {
  let questions = 0;
  const address = await inPlaceOfConsul((request, response) => {
    questions += 1;
    if (questions === 2) request.socket.resetAndDestroy();
    else response.writeHead(200, { 'content-type': 'application/json' }).end('[]');
  });
  const reader = readerOf(address);
  await reader.readService('web');
  expect(await reader.readService('web')).toEqual({ entries: [], index: null });
  expect(questions).toBe(3);
});

test('the question names service, datacenter and token, and the index is text however large it is', async () => {
  const asked: IncomingMessage[] = [];
  const address = await inPlaceOfConsul((request, response) => {
    asked.push(request);
    const headers = { 'content-type': 'application/json', 'x-consul-index': '14626308409737068583' };
    response.writeHead(200, headers).end('[]');
  });
  const reader = readerOf(`${address}/proxied/`, { token: 'the-token', dc: 'dc2' });
  expect(await reader.readService('a/b c?')).toEqual({ entries: [], index: '14626308409737068583' });
  expect(asked.map((request) => request.url)).toEqual(['/proxied/v1/health/service/a%2Fb%20c%3F?dc=dc2']);
  expect(asked[0]?.headers['x-consul-token']).toBe('the-token');
});

test.each([
  '-1',
  '9'.repeat(21),
  '1e9',
  `${'x'.repeat(8_000)}`,
])('an index that is none is left out: %#', async (index) => {
  const address = await inPlaceOfConsul(json('[]', { 'x-consul-index': index }));
  expect(await readerOf(address).readService('web')).toEqual({ entries: [], index: null });
});

test('Consul may listen on a literal IPv6 address', async () => {
  const address = await inPlaceOfConsul(json('[]'), '::1');
  expect(await readerOf(address).readService('web')).toEqual({ entries: [], index: null });
});

test.each([
  { what: 'an answer that repeats it', answer: plain(403, 'no such token: s3cr3t-t0ken') },
  { what: 'broken JSON', answer: json('[{') },
  { what: 'a connection that ends', answer: (request: IncomingMessage) => request.socket.destroy() },
  { what: 'a time-out', answer: () => {} },
])('the token is nowhere in an error, not in its causes and not in their fields: $what', async ({
  answer,
}) => {
  const address = await inPlaceOfConsul(answer);
  const reader = readerOf(address.replace('//', '//user:passw0rd@'), {
    token: 's3cr3t-t0ken',
    timeoutMs: 500,
  });
  const failure = await failureOf(reader.readService('web'));
  const everything = inspect(failure, { depth: Number.POSITIVE_INFINITY, showHidden: true });
  expect(everything).not.toContain('s3cr3t-t0ken');
  expect(everything).not.toContain('passw0rd');
});

describe('an answer has a size', () => {
  const endless: RequestListener = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const more = Buffer.alloc(256 * 1024, '[');
    const write = () => {
      while (!response.destroyed && response.write(more));
    };
    response.on('drain', write);
    write();
  };

  test('one that never ends is given up at 32 MiB, by a sentence that names the key, in little memory', async () => {
    const address = await inPlaceOfConsul(endless);
    const before = process.memoryUsage().rss;
    const failure = await failureOf(readerOf(address).readService('web'));
    expect(failure.why).toBe(
      'its answer has more than 32MiB, and was read no further; `consul_answer` of the fleet in hitless.yml takes more',
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  });

  test('the caller says how large, and a whole answer of that size is read', async () => {
    const body = `[${' '.repeat(70_000)}]`;
    const address = await inPlaceOfConsul(json(body));
    const reader = readerOf(address);
    expect((await reader.readService('web', { mostBytes: body.length })).entries).toEqual([]);
    const failure = await failureOf(reader.readService('web', { mostBytes: body.length - 1 }));
    expect(failure.why).toContain(`more than ${body.length - 1} bytes`);
  });
});

test('a token that a file or a parameter gave a line end is sent without it', async () => {
  const tokens: unknown[] = [];
  const address = await inPlaceOfConsul((request, response) => {
    tokens.push(request.headers['x-consul-token']);
    response.writeHead(200, { 'content-type': 'application/json' }).end('[]');
  });
  await readerOf(address, { token: ' the-token\r\n' }).readService('web');
  expect(tokens).toEqual(['the-token']);
});
