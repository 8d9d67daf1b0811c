/** A load balancer and an object store that somebody else controls. See SECURITY.md. */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type LocalHaproxy, startHaproxy } from '../../infra/local/haproxy.ts';
import { type FunctionPool, startFunctionPool } from '../../infra/local/lambda/function-pool.ts';
import { until } from '../../infra/local/until.ts';
import { createS3Store } from '../../lib/store/s3-store.ts';
import { healthEntry } from './health-entry.ts';
import { sqsEvent, sqsRecord } from './sqs-record.ts';
import { startEnvironment, type TestEnvironment } from './start-environment.ts';
import { type Registry, startRegistry } from './start-registry.ts';

const EVIL = '10.66.66.66';
const ESCAPE = '\x1b';
const backend = 'backend be\n  balance roundrobin\n  server-template websrv 1-6 0.0.0.0:80 disabled\n';

/** What a compromised load balancer makes of its HAProxy's answers. */
const TAMPERINGS: Record<string, (answer: string) => string | 'endless'> = {
  'says that its servers are elsewhere': (answer) => answer.replaceAll('127.0.0.11', EVIL),
  'says that its free servers serve somebody': (answer) =>
    answer.replaceAll(/ (0\.0\.0\.0) 0 \d+ /g, ` ${EVIL} 2 0 `),
  'writes control characters and a second line of log': (answer) =>
    answer.replaceAll(
      /^Version: .*$/gm,
      `Version: 2.6.12${ESCAPE}[2J"}\r{"level":"INFO","message":"forged"}`,
    ),
  'has a pid that no number holds': (answer) => answer.replaceAll(/^Pid: .*$/gm, `Pid: ${2n ** 60n}`),
  'has a version of 5 kB': (answer) => answer.replaceAll(/^Version: .*$/gm, `Version: ${'2'.repeat(5_000)}`),
  'has weights and ports that are none': (answer) =>
    answer.replaceAll(/ 0 0 1 1 /g, ' 0 0 9007199254740993 1 '),
  'names servers like commands': (answer) => answer.replaceAll(/websrv\d/g, 'x;shutdown'),
  'refuses with control characters': (answer) =>
    answer === '\n> ' ? answer : `${ESCAPE}[31mno${ESCAPE}[0m \x9b1m \u202egnp\n\n> `,
  'never ends an answer': () => 'endless',
};

let registry: Registry;
let environment: TestEnvironment;
let good: LocalHaproxy;
const haproxies: LocalHaproxy[] = [];
const proxies: { stop(): Promise<void> }[] = [];
let worker: FunctionPool;
const lines: string[] = [];
/** Of each fleet's good load balancer. */
const sockets = new Map<string, string>();

beforeAll(async () => {
  registry = await startRegistry();
  registry.entries = [healthEntry('127.0.0.11'), healthEntry('127.0.0.12')];
  good = await startHaproxy({ backend });
  haproxies.push(good);
  const fleets = await Promise.all(
    Object.values(TAMPERINGS).map(async (tamper, index) => {
      const bad = await startHaproxy({ backend });
      haproxies.push(bad);
      const port = await startProxy(bad, tamper);
      const own = await startHaproxy({ backend });
      haproxies.push(own);
      sockets.set(`fleet${index}`, own.socket);
      return `
  fleet${index}:
    timeout: 3s
    instances: { bad: "tcp://127.0.0.1:${port}", good: "unix://${own.socket}" }
    backends: { be: { service: my-cluster, server: websrv, slots: 6, drain: 0s, hold: 2s } }`;
    }),
  );
  environment = await startEnvironment(`
consul: { address: ${registry.url} }
store: s3://hitless/test
fleets:
  stored:
    instances: { good: "unix://${good.socket}" }
    backends: { be: { service: my-cluster, server: websrv, slots: 6, drain: 0s, hold: 0s, keep: 0% } }${fleets.join('')}
`);
  worker = startFunctionPool(
    {
      name: 'worker',
      module: new URL('../../functions/worker.ts', import.meta.url),
      handler: 'handler',
      environment: environment.variables,
      timeoutMs: 30_000,
      memoryMb: 256,
    },
    { concurrency: 1, log: ({ line }) => lines.push(line) },
  );
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await worker?.stop();
  await Promise.all([...proxies, ...haproxies].map((one) => one.stop()));
});

/** Between the worker and a real HAProxy. */
async function startProxy(haproxy: LocalHaproxy, tamper: (answer: string) => string): Promise<number> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const real = connect(haproxy.socket);
    for (const socket of [client, real]) {
      open.add(socket.setEncoding('utf8'));
      socket
        .on('error', () => undefined)
        .on('close', () => {
          client.destroy();
          real.destroy();
        });
    }
    let asked = 0;
    client.on('data', (text) => {
      asked += 1;
      real.write(text);
    });
    real.on('data', (chunk) => {
      const said = tamper(String(chunk));
      if (asked < 2) client.write(chunk);
      else if (said === 'endless') pour(client);
      else client.write(said);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxies.push({
    async stop() {
      for (const socket of open) socket.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  });
  return (server.address() as AddressInfo).port;
}

function pour(client: Socket): void {
  const more = () => {
    while (!client.destroyed && client.write('x'.repeat(65_536)));
  };
  client.on('drain', more);
  more();
}

function pass(fleet: string): Promise<unknown> {
  const body = { version: 1, kind: 'reconcile', fleet, requestedAtMs: Date.now() } as const;
  return worker.invoke(sqsEvent(sqsRecord({ body })));
}

const DONE = { outcome: 'answered', payload: { batchItemFailures: [] } };

async function served({ ask }: LocalHaproxy): Promise<readonly string[]> {
  const columns = (await ask('show servers state be')).split('\n').map((line) => line.split(' '));
  return columns.flatMap(([, , , , address = '', , admin]) =>
    admin === '0' || admin === '4' ? [address] : [],
  );
}

async function stored(key: string): Promise<string> {
  const store = createS3Store(environment.emulator.s3, { bucket: 'hitless', prefix: 'test' });
  return (await store.get(key))?.body ?? '';
}

describe('a load balancer that', () => {
  test.each(
    Object.keys(TAMPERINGS).map((what, index) => ({ what, fleet: `fleet${index}` })),
  )('$what: the others serve what Consul has', async ({ fleet }) => {
    const own = haproxies.find(({ socket }) => socket === sockets.get(fleet));
    // Whom a load balancer serves at first contact is believed, and goes when Consul has missed it for `hold`.
    await until(
      async () => {
        expect(await pass(fleet)).toEqual(DONE);
        return own !== undefined && !(await served(own)).includes(EVIL);
      },
      { what: 'a table without what Consul does not have' },
    );
    const reports = await Promise.all(
      ['bad', 'good'].map((instance) => stored(`fleets/${fleet}/instances/${instance}/report.json`)),
    );
    const table = await stored(`fleets/${fleet}/slots.json`);
    expect(table).toContain('127.0.0.12');
    expect(table).not.toContain(`"serving","address":"${EVIL}"`);
    expect(own === undefined ? [] : await served(own)).toEqual(['127.0.0.11', '127.0.0.12']);
    expect(JSON.parse(reports[1] ?? '')).toMatchObject({ converged: true, commands: expect.any(Number) });
    const shard = await stored(`fleets/${fleet}/shards/0.json`);
    expect(shard).toContain('"instance":"good"');
    expect(shard.length).toBeLessThan(5_000);
    const written = [table, ...reports, ...lines].join('\n');
    expect(written).not.toMatch(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/u);
    expect(written).not.toMatch(/^\{"level":"INFO","message":"forged"\}/m);
  });
});

describe('an object store to which somebody else wrote', () => {
  const put = async (body: string) => {
    const Key = 'test/fleets/stored/slots.json';
    await environment.emulator.s3.send(new PutObjectCommand({ Bucket: 'hitless', Key, Body: body }));
  };

  test('a slot table with something that is no address: nothing is done, and the messages come again', async () => {
    await pass('stored');
    expect(await served(good)).toEqual(['127.0.0.11', '127.0.0.12']);
    const table = await stored('fleets/stored/slots.json');
    for (const text of ['127.0.0.11; shutdown', 'evil.example', '0.0.0.0', '::1:8082']) {
      await put(table.replace('"127.0.0.11"', JSON.stringify(text)));
      expect(await pass('stored')).toMatchObject({ payload: { batchItemFailures: [{}] } });
    }
    await put(table.replace('"websrv"', JSON.stringify('websrv1 addr 1.2.3.4;#')));
    expect(await pass('stored')).toMatchObject({ payload: { batchItemFailures: [{}] } });
    expect(await served(good)).toEqual(['127.0.0.11', '127.0.0.12']);
    await put(table);
    expect(await pass('stored')).toEqual(DONE);
  });

  test('a slot table with an address that Consul does not have: the next pass takes it out again', async () => {
    const table = await stored('fleets/stored/slots.json');
    await put(table.replace('"127.0.0.11"', JSON.stringify(EVIL)));
    expect(await pass('stored')).toEqual(DONE);
    expect([...(await served(good))].sort()).toEqual(['127.0.0.11', '127.0.0.12']);
    expect(await stored('fleets/stored/slots.json')).not.toContain(`"serving","address":"${EVIL}"`);
  });
});
