/** The pass against real HAProxy processes, on every version at hand. */

import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { haproxyVersions } from '../../infra/local/servers.ts';
import type { RuntimeCommand } from '../../lib/model/command.ts';
import { endpointKey } from '../../lib/model/endpoint.ts';
import type { OpenSession } from '../../lib/runtime-api/runtime-session.ts';
import { configurationKey, stateSnapshotKey } from '../../lib/store/keys.ts';
import {
  articleBackend,
  type BenchFleet,
  type BenchOptions,
  entries,
  entry,
  shownBy,
  startBenchFleet,
  TEMPLATE,
} from './bench-fleet.ts';

const versions = await haproxyVersions();
const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

async function start(options: BenchOptions): Promise<BenchFleet> {
  const bench = await startBenchFleet(options);
  running.push(bench);
  return bench;
}

describe.each(versions)('HAProxy $version', ({ path: binary }) => {
  const article = (slots: number) => ({ binary, backend: articleBackend(slots) });

  test('three instances have identical slots after a history, and a second pass sends nothing', async () => {
    const bench = await start({ haproxies: [article(20), article(20), article(20)], policy: { drainMs: 0 } });
    for (const consul of [
      entries(1, 3),
      entries(1, 10),
      [...entries(1, 4), ...entries(2, 2)],
      entries(2, 5),
    ]) {
      bench.consul = consul;
      const { applied } = await bench.pass();
      expect(applied.map(({ report }) => report.reason)).toEqual([null, null, null]);
      const [first, second, third] = await Promise.all(bench.haproxies.map(shownBy));
      expect(second).toEqual(first);
      expect(third).toEqual(first);
      expect(first?.filter((line) => line.includes(' ready '))).toHaveLength(consul.length);
    }
    const { applied, changed } = await bench.pass();
    expect(changed).toBe(false);
    expect(applied.map(({ report }) => report.commands)).toEqual([0, 0, 0]);
  });

  test('departures without a session are over in one pass, whatever `drain` is', async () => {
    const bench = await start({ haproxies: [article(20)], policy: { drainMs: 30_000 } });
    bench.consul = entries(1, 10);
    await bench.pass();
    bench.consul = entries(1, 4);
    const { table } = await bench.pass();
    const draining = table.backends.be_template?.slots.filter((slot) => slot.state === 'draining');
    expect(draining).toHaveLength(6);
    const shown = await Promise.all(bench.haproxies.map(shownBy));
    expect(shown[0]?.filter((line) => line.endsWith('0.0.0.0:80 maint'))).toHaveLength(16);
    expect((await bench.pass()).applied.map(({ report }) => report.commands)).toEqual([0]);
  });

  test('an HAProxy started from the rendered file equals the running one, slot by slot', async () => {
    const bench = await start({
      haproxies: [article(20)],
      policy: { options: 'cookie {{ server }} check', drainMs: 0 },
      fleet: { template: { path: 'edge.cfg.j2', text: TEMPLATE } },
    });
    const [haproxy] = bench.haproxies;
    if (haproxy === undefined) throw new Error('no HAProxy');
    bench.consul = [
      ...entries(1, 6),
      entry('127.0.9.9', 81, { weights: { passing: 7, warning: 1 } }),
      entry('::1', 8080),
    ];
    await bench.pass();
    bench.consul = bench.consul.slice(2);
    await bench.pass();
    const before = await shownBy(haproxy);
    const file = await bench.store.get(configurationKey('edge'));
    await haproxy.restart(file?.body ?? '');
    expect(await shownBy(haproxy)).toEqual(before);
    const { applied } = await bench.pass();
    expect(applied.map(({ report }) => [report.commands, report.reason])).toEqual([[0, null]]);
  });

  test('an instance that already serves keeps its slots, and the others follow it', async () => {
    const bench = await start({ haproxies: [article(5), article(5)] });
    const [, second] = bench.haproxies;
    for (const command of ['addr 127.0.1.2 port 8080', 'state ready']) {
      await second?.ask(`set server be_template/websrv4 ${command}`);
    }
    bench.consul = entries(1, 3);
    const { applied } = await bench.pass();
    expect(applied.map(({ report }) => report.reason)).toEqual([null, null]);
    const [one, two] = await Promise.all(bench.haproxies.map(shownBy));
    expect(one).toEqual(two);
    expect(two).toContain('websrv4 127.0.1.2:8080 ready 1');
    expect(applied[1]?.changes.some((change) => change.slot === 'websrv4')).toBe(false);
  });

  test('a first pass while Consul has nothing and the instance is away costs nobody later', async () => {
    const bench = await start({ haproxies: [article(5)], policy: { drainMs: 0 } });
    const [haproxy] = bench.haproxies;
    await haproxy?.ask('set server be_template/websrv4 addr 127.0.1.2 port 8080');
    await haproxy?.ask('set server be_template/websrv4 state ready');
    const { openSession } = bench.ports;
    Object.assign(bench.ports, { openSession: () => Promise.reject(new Error('away')) });
    await bench.pass();
    Object.assign(bench.ports, { openSession });
    await bench.pass();
    const shown = await Promise.all(bench.haproxies.map(shownBy));
    expect(shown[0]).toContain('websrv4 127.0.1.2:8080 ready 1');
    bench.consul = entries(1, 3);
    const { applied } = await bench.pass();
    expect(applied[0]?.changes.some((change) => change.slot === 'websrv4')).toBe(false);
    expect((await bench.table()).backends.be_template?.slots[3]).toMatchObject({ address: '127.0.1.2' });
  });

  test('a server that an operator drained stays so, also in a new HAProxy process', async () => {
    const bench = await start({
      haproxies: [article(5)],
      fleet: { template: { path: 'edge.cfg.j2', text: TEMPLATE } },
    });
    const [haproxy] = bench.haproxies;
    bench.consul = entries(1, 3);
    await bench.pass();
    await haproxy?.ask('set server be_template/websrv1 state drain');
    await haproxy?.ask('set server be_template/websrv2 state maint');
    const held = (await bench.pass()).applied[0]?.report.operatorHeld ?? [];
    expect(held.map(({ slot, state }) => `${slot} ${state}`)).toEqual(['websrv1 drain', 'websrv2 maint']);

    await haproxy?.restart((await bench.store.get(configurationKey('edge')))?.body ?? '');
    const { applied } = await bench.pass();
    const { pid, startedAtSeconds, operatorHeld } = applied[0]?.report ?? {};
    expect(operatorHeld).toEqual(held.map((one) => ({ ...one, pid, startedAtSeconds })));
    const shown = haproxy === undefined ? [] : await shownBy(haproxy);
    expect(shown[0]).toContain(' drain 1');
    expect(shown[1]).toContain(' maint 1');
  });

  test('hostile endpoints are refused by name, and the rest is applied', async () => {
    const hostile = [
      '10.0.0.1;shutdown',
      '10.0.0.1\nset server',
      '10.0.0.1\0',
      '#1',
      '::1:8082',
      'localhost',
      '*',
    ];
    const bench = await start({ haproxies: [article(20)] });
    bench.consul = [
      ...hostile.map((address) => entry(address, 80)),
      ...[0, 70_000, -1, 1.5].map((port) => entry('127.0.1.9', port)),
      ...entries(1, 2),
    ];
    const sent: RuntimeCommand[] = [];
    Object.assign(bench.ports, { openSession: recording(bench.ports.openSession, sent) });
    const { table, applied } = await bench.pass();
    expect(table.backends.be_template?.refused).toHaveLength(hostile.length + 4);
    const addresses = sent.flatMap((command) => (command.kind === 'set-addr' ? [command.address] : []));
    expect(new Set(addresses)).toEqual(new Set(['127.0.1.1', '127.0.1.2', '0.0.0.0']));
    expect(new Set(sent.map((command) => command.server)).size).toBe(20);
    expect(applied[0]?.report.reason).toBeNull();
    const shown = await Promise.all(bench.haproxies.map(shownBy));
    expect(shown[0]?.filter((line) => line.includes(' ready '))).toEqual([
      'websrv1 127.0.1.1:8080 ready 1',
      'websrv2 127.0.1.2:8080 ready 1',
    ]);
  });

  test('instances that are dead, silent, slow or without rights are named, and the good one converges', async () => {
    const silent = await listen(() => {});
    const slow = await listen((socket) => void setInterval(() => socket.write('\n'), 200).unref());
    const bench = await start({
      haproxies: [article(5), { ...article(5), level: 'operator' }],
      others: [
        { name: 'dead', address: { scheme: 'unix', path: '/nonexistent/admin.sock' } },
        { name: 'silent', address: { scheme: 'tcp', host: '127.0.0.1', port: silent } },
        { name: 'slow', address: { scheme: 'tcp', host: '127.0.0.1', port: slow } },
      ],
      fleet: { timeoutMs: 1_500 },
    });
    bench.consul = entries(1, 3);
    const { applied } = await bench.pass();
    const reasons = new Map(applied.map(({ report }) => [report.instance, report.reason]));
    expect(reasons.get('lb1')).toBeNull();
    expect(reasons.get('lb2')).toContain('level admin');
    expect(reasons.get('dead')).toContain('/nonexistent/admin.sock');
    expect(reasons.get('silent')).toContain('never answered');
    expect(reasons.get('slow')).not.toBeNull();
    // Nobody waited for the bad ones: the good one was done before any of those that time out.
    const done = bench.events.flatMap(({ event, instance }) =>
      event.startsWith('instance_') ? [instance] : [],
    );
    expect(done.indexOf('lb1')).toBeLessThan(Math.min(done.indexOf('silent'), done.indexOf('slow')));
  });

  test('two passes at once publish each generation once and end equal', async () => {
    const bench = await start({ haproxies: [article(20), article(20)], policy: { drainMs: 0 } });
    for (const net of [1, 2, 3]) {
      bench.consul = entries(net, 6);
      await Promise.all([bench.pass(), bench.pass(), bench.pass()]);
      await bench.pass();
      expect((await bench.table()).generation).toBe(net);
      const [one, two] = await Promise.all(bench.haproxies.map(shownBy));
      expect(one).toEqual(two);
      expect(one?.filter((line) => line.includes(' ready '))).toHaveLength(6);
    }
  });

  test('Consul away: nothing changes, unless the event carried the endpoints', async () => {
    const bench = await start({ haproxies: [article(5)], policy: { drainMs: 0 } });
    bench.consul = entries(1, 3);
    await bench.pass();
    bench.consul = new Error('GET /v1/health/service/my-cluster: connect ECONNREFUSED');
    const away = await bench.pass();
    expect(away.changed).toBe(false);
    expect(away.consulFailures[0]).toMatchObject({ service: 'my-cluster', usedEvent: false });
    const carried = await bench.pass({ entries: new Map([['my-cluster', entries(1, 2)]]) });
    expect(carried.consulFailures[0]).toMatchObject({ usedEvent: true });
    expect(carried.table.backends.be_template?.slots.filter((slot) => slot.state === 'serving')).toHaveLength(
      2,
    );
  });
});

test.each([
  { what: 'with a template', template: { path: 'edge.cfg.j2', text: TEMPLATE } },
  { what: 'without a template', template: null },
])('a converged fleet is read and nothing is written, $what', async ({ template }) => {
  const [version] = versions;
  const bench = await start({
    haproxies: [{ binary: version?.path ?? '', backend: articleBackend(5) }],
    fleet: { template },
  });
  bench.consul = entries(1, 2);
  await bench.pass();
  const puts: string[] = [];
  const watched = { ...bench.ports.store };
  watched.put = async (key) => void puts.push(key);
  watched.putIf = async (key) => {
    puts.push(key);
    return 'lost-race';
  };
  Object.assign(bench.ports, { store: watched });
  await bench.pass();
  expect(puts).toEqual([]);
});

test('a state snapshot is complete, and the table says who serves', async () => {
  const [version] = versions;
  const bench = await start({ haproxies: [{ binary: version?.path ?? '', backend: articleBackend(5) }] });
  bench.consul = entries(1, 2);
  await bench.pass();
  const snapshot = await bench.store.get(stateSnapshotKey('edge', 'lb1'));
  expect(snapshot?.body.split('\n')[0]).toBe('1');
  expect(snapshot?.body).toContain('websrv1 127.0.1.1 ');
  const { backends } = await bench.table();
  const served = backends.be_template?.slots.flatMap((slot) =>
    slot.state === 'serving' ? [endpointKey(slot)] : [],
  );
  expect(served).toEqual(['127.0.1.1:8080', '127.0.1.2:8080']);
});

/** Opens sessions that keep what is sent. */
function recording(open: OpenSession, sent: RuntimeCommand[]): OpenSession {
  return async (address, options) => {
    const session = await open(address, options);
    return {
      ...session,
      send(commands) {
        sent.push(...commands);
        return session.send(commands);
      },
    };
  };
}

/** A TCP server that is no HAProxy; it ends with the test. */
async function listen(onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  running.push({
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
