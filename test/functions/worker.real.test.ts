import './silent.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { wireWorker } from '../../functions/wiring.ts';
import { createWorker, handler } from '../../functions/worker.ts';
import { type LocalHaproxy, startHaproxy } from '../../infra/local/haproxy.ts';
import type { ChangedMessage, QueueMessage } from '../../lib/queue/messages.ts';
import { fleetStatus } from '../../lib/sync/status.ts';
import { healthEntry } from './health-entry.ts';
import { lambdaContext } from './lambda-context.ts';
import { sqsEvent, sqsRecord } from './sqs-record.ts';
import { startEnvironment, type TestEnvironment } from './start-environment.ts';
import { type Registry, startRegistry } from './start-registry.ts';

const BACKENDS = `
backend be_template
  balance roundrobin
  server-template websrv 1-10 0.0.0.0:80 disabled
backend be_inner
  balance roundrobin
  server-template srv 1-10 0.0.0.0:80 disabled
`;

let registry: Registry;
let environment: TestEnvironment;
let edge: LocalHaproxy;
let inner: LocalHaproxy;

beforeAll(async () => {
  registry = await startRegistry();
  [edge, inner] = await Promise.all([
    startHaproxy({ backend: BACKENDS }),
    startHaproxy({ backend: BACKENDS }),
  ]);
  environment = await startEnvironment(`
consul: { address: ${registry.url} }
store: s3://hitless/test
fleets:
  edge:
    instances: { lb1: "unix://${edge.socket}" }
    backends:
      be_template: { service: my-cluster, server: websrv, slots: 10, drain: 0s, hold: 0s, keep: 0% }
  inner:
    instances: { lb1: "tcp://127.0.0.1:${inner.runtime.port}" }
    backends:
      be_inner: { service: inner-cluster, server: srv, slots: 10, drain: 0s, hold: 0s, keep: 0% }
  broken:
    instances: { lb1: unix:///does/not/exist.sock }
    backends:
      be_template: { service: my-cluster, server: websrv, slots: 10 }
  wide:
    shard: 2
    instances:
      lb1: tcp://127.0.0.1:1
      lb2: tcp://127.0.0.1:2
      lb3: tcp://127.0.0.1:3
    backends:
      be_template: { service: my-cluster, server: websrv, slots: 10 }
`);
});
afterAll(() => Promise.all([edge?.stop(), inner?.stop()]));
beforeEach(() => {
  registry.asked.length = 0;
});

function changed(fleet: string, differences: Partial<ChangedMessage> = {}): ChangedMessage {
  const service = fleet === 'inner' ? 'inner-cluster' : 'my-cluster';
  return {
    version: 1,
    kind: 'changed',
    fleet,
    service,
    index: '1',
    receivedAtMs: Date.now(),
    entries: null,
    ...differences,
  };
}

function reconcile(fleet: string): QueueMessage {
  return { version: 1, kind: 'reconcile', fleet, requestedAtMs: Date.now() };
}

async function work(...bodies: (string | QueueMessage)[]) {
  const records = bodies.map((body) => sqsRecord({ body }));
  const { batchItemFailures } = await handler(sqsEvent(...records), lambdaContext());
  const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
  return records.map(({ messageId }) => failed.has(messageId));
}

/** Addresses of the servers that HAProxy has in rotation, sorted. */
async function inRotation(haproxy: LocalHaproxy, backend: string): Promise<string[]> {
  const state = await haproxy.ask(`show servers state ${backend}`);
  return state
    .split('\n')
    .slice(2)
    .map((line) => line.split(' '))
    .filter((columns) => columns[6] === '0' || columns[6] === '4')
    .map((columns) => `${columns[4]}:${columns[18]}`)
    .sort();
}

test('an event changes the servers, and they are what Consul says now, not what the event said', async () => {
  registry.entries = [healthEntry('127.0.0.11'), healthEntry('127.0.0.12')];
  const old = {
    address: '127.0.0.99',
    port: 1,
    tags: [],
    status: 'passing',
    weights: { passing: 1, warning: 1 },
  } as const;
  expect(await work(changed('edge', { entries: [old] }))).toEqual([false]);
  expect(await inRotation(edge, 'be_template')).toEqual(['127.0.0.11:8080', '127.0.0.12:8080']);
});

test('ten messages of one fleet are one pass', async () => {
  registry.entries = [healthEntry('127.0.0.13')];
  const messages = Array.from({ length: 9 }, (_, index) => changed('edge', { index: String(index) }));
  expect(await work(...messages, reconcile('edge'))).toEqual(Array(10).fill(false));
  expect(registry.asked).toEqual(['my-cluster']);
  expect(await inRotation(edge, 'be_template')).toEqual(['127.0.0.13:8080']);
});

test('a reconcile alone repairs what was changed behind our back', async () => {
  registry.entries = [healthEntry('127.0.0.14')];
  await work(changed('edge'));
  const [server = ''] = (await edge.ask('show servers state be_template'))
    .split('\n')
    .filter((line) => line.includes('127.0.0.14'))
    .map((line) => line.split(' ')[3]);
  await edge.ask(`set server be_template/${server} addr 127.0.0.66 port 9`);
  expect(await work(reconcile('edge'))).toEqual([false]);
  expect(await inRotation(edge, 'be_template')).toEqual(['127.0.0.14:8080']);
});

test('how long an event took to an instance is in its report', async () => {
  registry.entries = [healthEntry('127.0.0.21')];
  await work(changed('edge'));
  registry.entries = [healthEntry('127.0.0.22')];
  await work(changed('edge', { receivedAtMs: Date.now() - 60_000 }));
  const { fleets, sync } = await wireWorker(environment.variables);
  const [fleet] = fleets;
  if (fleet === undefined) throw new RangeError('there is no fleet');
  const status = await fleetStatus(sync.store, fleet);
  expect(status.propagation).toMatchObject({ generation: status.generation, instances: 1, worst: 'lb1' });
  expect(status.propagation?.worstMs).toBeGreaterThanOrEqual(60_000);
});

test("when Consul cannot be read, the newest event's own endpoints are used", async () => {
  registry.entries = undefined;
  const at = (address: string) =>
    ({ address, port: 8080, tags: [], status: 'passing', weights: { passing: 1, warning: 1 } }) as const;
  const answers = await work(
    changed('edge', { index: '900', entries: [at('127.0.0.21')] }),
    changed('edge', { index: '5', entries: [at('127.0.0.22')] }),
  );
  expect(answers).toEqual([false, false]);
  expect(await inRotation(edge, 'be_template')).toEqual(['127.0.0.22:8080']);
});

describe('partial batch failures', () => {
  test('a poisoned record fails alone: those before and behind it, and other groups, are handled', async () => {
    registry.entries = [healthEntry('127.0.0.31')];
    const answers = await work(
      changed('edge', { index: '1' }),
      'poison',
      changed('inner'),
      changed('edge', { index: '2' }),
    );
    expect(answers).toEqual([false, true, false, false]);
    expect(await inRotation(edge, 'be_template')).toEqual(['127.0.0.31:8080']);
    expect(await inRotation(inner, 'be_inner')).toEqual(['127.0.0.31:8080']);
  });

  test('a message for a fleet that there is not fails', async () => {
    expect(await work(reconcile('gone'))).toEqual([true]);
  });

  test('a pass that cannot be done fails all its records, and only those', async () => {
    registry.entries = [healthEntry('127.0.0.32')];
    const ports = await wireWorker(environment.variables);
    const get: typeof ports.sync.store.get = async (key) => {
      if (key.startsWith('fleets/inner/')) throw new Error('the bucket is gone');
      return ports.sync.store.get(key);
    };
    const broken = createWorker(async () => ({
      ...ports,
      sync: { ...ports.sync, store: { ...ports.sync.store, get } },
    }));
    const records = [changed('inner'), changed('edge'), reconcile('inner')].map((body) =>
      sqsRecord({ body }),
    );
    const { batchItemFailures } = await broken(sqsEvent(...records), lambdaContext());
    expect(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)).toEqual([
      records[0]?.messageId,
      records[2]?.messageId,
    ]);
    expect(await inRotation(edge, 'be_template')).toEqual(['127.0.0.32:8080']);
  });

  test('an instance that cannot be reached is no failure of its message', async () => {
    registry.entries = [healthEntry('127.0.0.33')];
    expect(await work(changed('broken'))).toEqual([false]);
  });

  test('what is not done a second before the timeout fails, what is done does not', async () => {
    registry.entries = [healthEntry('127.0.0.34')];
    let open: () => void = () => undefined;
    registry.gate = new Promise((resolve) => {
      open = resolve;
    });
    const record = sqsRecord({ body: changed('edge') });
    const poisoned = sqsRecord({ body: 'poison', group: 'other' });
    const answer = await handler(sqsEvent(record, poisoned), lambdaContext(1_200));
    open();
    expect(new Set(answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier))).toEqual(
      new Set([record.messageId, poisoned.messageId]),
    );
    registry.gate = Promise.resolve();
    expect(await work(changed('edge'))).toEqual([false]);
  });
});

describe('a fleet larger than a shard', () => {
  test('is applied by one message for each shard, again at every pass, but once for a repeated one', async () => {
    await environment.takeMessages();
    registry.entries = [healthEntry('127.0.0.41')];
    const record = sqsRecord({ body: changed('wide') });
    await handler(sqsEvent(record), lambdaContext());
    await handler(sqsEvent(record), lambdaContext());
    const message = (shard: number) => ({ version: 1, kind: 'apply', fleet: 'wide', shard, generation: 1 });
    const sent = await environment.takeMessages();
    expect(sent).toHaveLength(2);
    const hurried = [0, 1].map((shard) => ({ ...message(shard), hurry: true }));
    expect(sent).toEqual(expect.arrayContaining(hurried));
    await work(reconcile('wide'));
    const calm = await environment.takeMessages();
    expect(calm).toHaveLength(2);
    expect(calm).toEqual(expect.arrayContaining([message(0), message(1)]));
  });

  test('does not ask Consul to apply to a shard', async () => {
    expect(await work({ version: 1, kind: 'apply', fleet: 'wide', shard: 1, generation: 1 })).toEqual([
      false,
    ]);
    expect(registry.asked).toEqual([]);
  });
});
