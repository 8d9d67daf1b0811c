/** A real Consul agent, told good things and hostile ones. */

import { readFileSync } from 'node:fs';
import { createServer as createPlainServer } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Certificates, createCertificates } from '../../infra/local/certificates.ts';
import { type LocalConsul, startConsul } from '../../infra/local/consul.ts';
import { until } from '../../infra/local/until.ts';
import { type ConsulReader, createConsulReader } from '../../lib/consul/consul-reader.ts';
import { parseHealthEntries } from '../../lib/consul/health-entries.ts';
import { readEndpoints } from '../../lib/consul/reading.ts';
import { endpointKey } from '../../lib/model/endpoint.ts';

const policy = { tags: [], include: ['passing'], weights: true } as const;

let consul: LocalConsul;
let reader: ConsulReader;

beforeAll(async () => {
  consul = await startConsul();
  reader = createConsulReader({ address: consul.url, datacenter: 'dc1', tls: {} }, { timeoutMs: 20_000 });
});

afterAll(() => consul?.stop());

/** Registers and waits until the catalog has all of them. */
async function registered(name: string, ...services: Record<string, unknown>[]): Promise<void> {
  for (const [n, service] of services.entries()) {
    await consul.request('PUT', '/v1/agent/service/register', { ID: `${name}-${n}`, Name: name, ...service });
  }
  const all = () => consul.health(name).then((entries) => entries.length === services.length);
  await until(all, { what: `the catalog to have ${services.length} of ${name}` });
}

test('a service that Consul does not know has no entries, and an index all the same', async () => {
  const { entries, index } = await reader.readService('nobody');
  expect(entries).toEqual([]);
  expect(index).toMatch(/^\d+$/);
});

test('a registration comes back with address, port, tags, weights, status and its names', async () => {
  await registered('plain', {
    Address: '10.0.0.1',
    Port: 8080,
    Tags: ['web', 'eu'],
    Weights: { Passing: 10, Warning: 2 },
  });
  const { entries, index } = await reader.readService('plain');
  expect(entries).toEqual([
    {
      address: '10.0.0.1',
      port: 8080,
      tags: ['web', 'eu'],
      status: 'passing',
      weights: { passing: 10, warning: 2 },
      ...{ node: 'local', id: 'plain-0' },
    },
  ]);
  expect(Number(index)).toBeGreaterThan(0);
});

test('the index rises with a change', async () => {
  await registered('rising', { Address: '10.0.0.1', Port: 1 });
  const before = await reader.readService('rising');
  await registered('rising', { Address: '10.0.0.1', Port: 1 }, { Address: '10.0.0.2', Port: 2 });
  const after = await reader.readService('rising');
  expect(after.entries).toHaveLength(2);
  expect(Number(after.index)).toBeGreaterThan(Number(before.index));
});

test('a service without an address has its node’s, and IPv6 is canonical', async () => {
  await registered('places', { Port: 81 }, { Address: '2001:DB8:0:0::1', Port: 82 });
  const { entries } = await reader.readService('places');
  expect(readEndpoints(entries, policy).endpoints.map(endpointKey)).toEqual([
    '127.0.0.1:81',
    '[2001:db8::1]:82',
  ]);
});

test('checks decide the status, the worst one first', async () => {
  const check = (Status: string, n: number) => ({ CheckID: `status-${Status}-${n}`, TTL: '10m', Status });
  await registered(
    'status',
    { Address: '10.0.0.1', Port: 1, Checks: [check('passing', 0), check('passing', 1)] },
    { Address: '10.0.0.2', Port: 1, Checks: [check('passing', 2), check('warning', 0)] },
    { Address: '10.0.0.3', Port: 1, Checks: [check('critical', 0), check('warning', 1)] },
  );
  const { entries } = await reader.readService('status');
  expect(entries.map(({ status }) => status).sort()).toEqual(['critical', 'passing', 'warning']);
  expect(readEndpoints(entries, policy)).toMatchObject({
    endpoints: [{ address: '10.0.0.1' }],
    leaving: [
      { address: '10.0.0.2', because: 'warning' },
      { address: '10.0.0.3', because: 'critical' },
    ],
  });
});

test('a check that its agent has not run yet is no result, unless it is of a kind that can fail without a word', async () => {
  await registered(
    'unrun',
    { Address: '10.0.0.1', Port: 1, Checks: [{ HTTP: 'http://127.0.0.1:1/', Interval: '10h' }] },
    { Address: '10.0.0.2', Port: 1, Checks: [{ TCP: '127.0.0.1:1', Interval: '10h' }] },
    { Address: '10.0.0.3', Port: 1, Checks: [{ GRPC: '127.0.0.1:1', Interval: '10h' }] },
    { Address: '10.0.0.4', Port: 1, Checks: [{ TTL: '10h' }] },
  );
  const { entries } = await reader.readService('unrun');
  expect(entries.map(({ address, status }) => `${address} ${status}`).sort()).toEqual([
    '10.0.0.1 unchecked',
    '10.0.0.2 unchecked',
    '10.0.0.3 unchecked',
    '10.0.0.4 critical',
  ]);
});

test('a check that failed after it had passed is critical', async () => {
  const server = createPlainServer((_, response) => response.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const http = {
    Address: '10.0.0.1',
    Port: 1,
    Checks: [{ HTTP: `http://127.0.0.1:${port}/`, Interval: '1s' }],
  };
  const tcp = { Address: '10.0.0.2', Port: 1, Checks: [{ TCP: `127.0.0.1:${port}`, Interval: '1s' }] };
  const become = async (expected: string) =>
    until(
      async () => (await reader.readService('failing')).entries.every(({ status }) => status === expected),
      // Its first sync with the catalog may fail on a busy machine, and is repeated after 15 to 30 seconds.
      { what: `both to be ${expected}`, within: 90_000 },
    );
  try {
    await registered('failing', http, tcp);
    await become('passing');
  } finally {
    server.closeAllConnections();
    server.close();
  }
  await become('critical');
});

test('an agent that was restarted says of a check what it said when it was registered anew', async () => {
  const own = await startConsul();
  const server = createPlainServer((_, response) => response.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const register = (Interval: string) =>
    own.request('PUT', '/v1/agent/service/register', {
      Name: 'anew',
      Address: '10.0.0.1',
      Port: 1,
      Checks: [
        { CheckID: 'http', HTTP: `http://127.0.0.1:${port}/`, Interval },
        { CheckID: 'tcp', TCP: `127.0.0.1:${port}`, Interval },
      ],
    });
  const told = async () => JSON.stringify(await own.health('anew'));
  const statusOf = async () => parseHealthEntries(await own.health('anew'))[0]?.status;
  try {
    await register('1s');
    await until(async () => (await statusOf()) === 'passing', { what: 'both checks to pass' });
    await register('10h');
    await own.restart();
    await until(async () => (await told()).includes('"critical"'), { what: 'the checks to be critical' });
    expect(await told()).toContain(': 200 OK ');
    expect(await told()).toContain(': Success');
    expect(await statusOf()).toBe('unchecked');
  } finally {
    server.closeAllConnections();
    server.close();
    await own.stop();
  }
});

describe('maintenance is not a failing check', () => {
  const statuses = async (name: string) =>
    (await reader.readService(name)).entries.map(({ status }) => status);
  const become = (name: string, expected: string[]) =>
    until(async () => JSON.stringify(await statuses(name)) === JSON.stringify(expected), {
      what: `${name} to be ${expected}`,
    });

  test('of one service, with a reason', async () => {
    await registered('service-maintenance', { Address: '10.0.0.1', Port: 1 });
    await consul.setMaintenance('service-maintenance-0', true, 'critical; passing\n');
    await become('service-maintenance', ['maintenance']);
    await consul.setMaintenance('service-maintenance-0', false);
    await become('service-maintenance', ['passing']);
  });

  test('of the node, for each of its services', async () => {
    await registered('node-maintenance', { Address: '10.0.0.1', Port: 1 }, { Address: '10.0.0.2', Port: 1 });
    await consul.request('PUT', '/v1/agent/maintenance?enable=true&reason=disk');
    await become('node-maintenance', ['maintenance', 'maintenance']);
    await consul.request('PUT', '/v1/agent/maintenance?enable=false');
    await become('node-maintenance', ['passing', 'passing']);
  });
});

test('hostile registrations are refused by name, the good one goes through', async () => {
  const hostile = [
    { Address: '10.0.0.1; shutdown sessions server be/s', Port: 80 },
    { Address: '10.0.0.2\nset server be/s state maint', Port: 80 },
    { Address: '10.0.0.3\u0000', Port: 80 },
    { Address: '#1', Port: 80 },
    { Address: '::1:8082', Port: 80 },
    { Address: 'web.example', Port: 80 },
    { Address: '10.0.0.4', Port: 70_000 },
    { Address: '10.0.0.5', Port: -1 },
    { Address: '10.0.0.6', Port: 0 },
    { Address: '\u001b[31m10.0.0.7', Port: 80 },
    { Address: '10.0.0.8 weight 256', Port: 80 },
  ];
  const good = { Address: '10.0.0.9', Port: 80, Tags: ['a;b', '\n', '\u202e', '', '"<script>'] };
  await registered('hostile', ...hostile, good);
  const reading = readEndpoints((await reader.readService('hostile')).entries, policy);
  expect(reading.endpoints.map(endpointKey)).toEqual(['10.0.0.9:80']);
  expect(reading.leaving).toEqual([]);
  expect(reading.refused.map(({ address, port }) => `${address} ${port}`).sort()).toEqual(
    [
      '10.0.0.1; shutdown sessions server be/s 80',
      '10.0.0.2\\nset server be/s state maint 80',
      '10.0.0.3\\x00 80',
      '#1 80',
      '::1:8082 80',
      'web.example 80',
      '10.0.0.4 70000',
      '10.0.0.5 -1',
      '10.0.0.6 0',
      '\\x1b[31m10.0.0.7 80',
      '10.0.0.8 weight 256 80',
    ].sort(),
  );
});

test('a service name is a name, whatever is in it', async () => {
  await registered('a/b ?c=d&e', { Address: '10.0.0.1', Port: 1 });
  expect((await reader.readService('a/b ?c=d&e')).entries).toHaveLength(1);
});

test('hundreds of entries are read whole', async () => {
  const many = Array.from({ length: 300 }, (_, n) => ({ Address: '10.0.0.1', Port: n + 1 }));
  await registered('many', ...many);
  const { entries } = await reader.readService('many');
  expect(readEndpoints(entries, policy).endpoints).toHaveLength(300);
});

test.each([
  { what: 'catalog services', path: '/v1/catalog/services' },
  { what: 'nodes', path: '/v1/catalog/nodes' },
  { what: 'checks', path: '/v1/health/state/any' },
  { what: 'a service of the catalog', path: '/v1/catalog/service/consul' },
])('Consul’s own $what are no health entries', async ({ path }) => {
  const body = await consul.request('GET', path);
  expect(() => parseHealthEntries(body)).toThrow(/^expected the body of a watch of type "service"/);
});

test('a datacenter that is not there is said in Consul’s words', async () => {
  const elsewhere = createConsulReader(
    { address: consul.url, datacenter: 'mars', tls: {} },
    { timeoutMs: 20_000 },
  );
  await expect(elsewhere.readService('plain')).rejects.toThrow(
    `GET /v1/health/service/plain?dc=mars at ${consul.url}: answered 500: No path to datacenter`,
  );
});

describe('over TLS', () => {
  let files: Certificates;
  let server: Server;
  let address: string;

  /** In front of nothing: what counts here is who talks to whom. */
  beforeAll(async () => {
    files = await createCertificates();
    const pem = readFileSync(files.serverPem);
    const settings = { cert: pem, key: pem, ca: readFileSync(files.ca), requestCert: true };
    server = createServer(settings, (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('[]');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterAll(async () => {
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
    files?.remove();
  });

  const read = (tls: { ca?: string; cert?: string; key?: string }) =>
    createConsulReader({ address, datacenter: null, tls }, { timeoutMs: 20_000 }).readService('web');

  test('both sides show their certificates', async () => {
    expect(await read({ ca: files.ca, cert: files.cert, key: files.key })).toEqual({
      entries: [],
      index: null,
    });
  });

  test('a server that the authority did not sign is not asked', async () => {
    await expect(read({ ca: files.stranger.ca })).rejects.toThrow(/certificate/);
    await expect(read({})).rejects.toThrow(/certificate/);
  });

  test('a client without the right certificate is told so', async () => {
    await expect(read({ ca: files.ca })).rejects.toThrow(`GET /v1/health/service/web at ${address}: `);
    const { cert, key } = files.stranger;
    await expect(read({ ca: files.ca, cert, key })).rejects.toThrow(/ECONNRESET|alert|socket hang up/);
  });
});
