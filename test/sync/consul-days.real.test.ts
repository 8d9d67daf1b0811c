/**
 * Consul's bad days, with a real Consul, a real HAProxy and traffic: what restarts make it answer for a while never
 * costs a server or a request (the sequences were measured with 1.8.7).
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { type LocalConsul, startConsul } from '../../infra/local/consul.ts';
import type { ServiceRegistration } from '../../infra/local/consul-types.ts';
import { until } from '../../infra/local/until.ts';
import { startWebServer, startWebServers, type WebServer } from '../../infra/local/web-server.ts';
import { createConsulReader } from '../../lib/consul/consul-reader.ts';
import type { BackendPolicy } from '../../lib/model/fleet.ts';
import type { Slot } from '../../lib/model/slot-table.ts';
import { articleBackend, type BenchFleet, shownBy, startBenchFleet } from './bench-fleet.ts';
import { startLoad } from './load.ts';

const SERVICE = 'my-cluster';

const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

function keep<T extends { stop(): Promise<void> }>(one: T): T {
  running.push(one);
  return one;
}

function registration(server: WebServer, differs: Partial<ServiceRegistration> = {}): ServiceRegistration {
  return { id: server.name, name: SERVICE, address: server.address, port: server.port, ...differs };
}

/** A fleet that reads whatever agent `source.consul` is. */
async function start(consul: LocalConsul, policy: Partial<BackendPolicy> = {}) {
  const source = { consul };
  const bench = keep(
    await startBenchFleet({
      haproxies: [{ backend: articleBackend(8) }],
      policy: { slots: 8, keep: 0.5, ...policy },
    }),
  );
  Object.assign(bench.ports, {
    readService: (service: string) =>
      createConsulReader(
        { address: source.consul.url, datacenter: null, tls: {} },
        { timeoutMs: 5_000 },
      ).readService(service),
  });
  return { source, bench };
}

async function slotsOf(bench: BenchFleet): Promise<readonly Slot[]> {
  return (await bench.table()).backends.be_template?.slots ?? [];
}

function ready(slots: readonly Slot[]): number {
  return slots.filter((slot) => slot.state === 'serving').length;
}

/** Passes one after the other under traffic; remembers the fewest servers that the table and HAProxy had. */
function follow(bench: BenchFleet) {
  const [haproxy] = bench.haproxies;
  if (haproxy === undefined) throw new Error('no HAProxy');
  const load = startLoad(haproxy.url, 4);
  const seen = { fewest: Number.POSITIVE_INFINITY, passes: 0, withheld: 0, failures: 0 };
  let following = true;
  const loop = (async () => {
    while (following) {
      const { consulFailures } = await bench.pass();
      const slots = await slotsOf(bench);
      const inRotation = (await shownBy(haproxy)).filter((line) => line.includes(' ready '));
      seen.fewest = Math.min(seen.fewest, ready(slots), inRotation.length);
      seen.withheld = Math.max(seen.withheld, slots.filter(isWithheld).length);
      seen.failures += consulFailures.length;
      seen.passes += 1;
      await sleep(10);
    }
  })();
  return keep({
    seen,
    load,
    /** Waits until `count` passes saw what is the case now. */
    async passes(count: number) {
      const from = seen.passes;
      await until(() => seen.passes > from + count, { what: `${count} passes` });
    },
    async stop() {
      following = false;
      await loop;
      await load.stop();
    },
  });
}

function isWithheld(slot: Slot): boolean {
  return slot.state === 'serving' && slot.withheld !== null;
}

/** Passes until `count` servers are ready. */
async function arrived(bench: BenchFleet, count: number): Promise<void> {
  const pass = async () => {
    await bench.pass();
    return ready(await slotsOf(bench)) === count;
  };
  await until(pass, { what: `${count} servers to arrive` });
}

async function settled(bench: BenchFleet, count: number): Promise<void> {
  await until(
    async () => {
      const slots = await slotsOf(bench);
      return ready(slots) === count && !slots.some(isWithheld);
    },
    { what: 'nothing to be withheld any more', within: 60_000 },
  );
}

test('data wiped: no answer, then `[]`, then a part, then everything', async () => {
  const servers = await startWebServers(6);
  for (const server of servers) keep(server);
  const first = keep(await startConsul({ services: servers.map((server) => registration(server)) }));
  const { source, bench } = await start(first);
  await bench.pass();
  const before = await Promise.all(bench.haproxies.map(shownBy));
  const days = follow(bench);
  await first.kill();
  await days.passes(3);
  source.consul = keep(await startConsul());
  await days.passes(3);
  expect((await slotsOf(bench)).filter(isWithheld)).toHaveLength(6);
  for (const server of servers) {
    await source.consul.register(registration(server));
    await days.passes(3);
  }
  await settled(bench, 6);
  await days.stop();
  expect(days.seen).toMatchObject({ fewest: 6, withheld: 6 });
  expect(days.seen.failures).toBeGreaterThan(0);
  expect(days.load.failures).toEqual([]);
  expect(await Promise.all(bench.haproxies.map(shownBy))).toEqual(before);
});

test('the agent is killed and restarted: its checks are critical until they have run', async () => {
  const servers = await startWebServers(4);
  for (const server of servers) keep(server);
  const checks = (url: string) => ({ checks: [{ http: url, interval: '1s' }] });
  const consul = keep(
    await startConsul({ services: servers.map((server) => registration(server, checks(server.url))) }),
  );
  // Some checks run before others: with `keep: 50%`, two of the four might go for that moment.
  const { bench } = await start(consul, { keep: 0.9 });
  await arrived(bench, 4);
  const before = await Promise.all(bench.haproxies.map(shownBy));
  const days = follow(bench);
  await consul.kill();
  await days.passes(2);
  await consul.restart();
  await days.passes(2);
  await settled(bench, 4);
  await consul.restart();
  await days.passes(2);
  await settled(bench, 4);
  await days.stop();
  expect(days.seen.fewest).toBe(4);
  expect(days.load.failures).toEqual([]);
  expect(await Promise.all(bench.haproxies.map(shownBy))).toEqual(before);
});

test('maintenance of a service, then of its node: drained, kept where nobody else is left, and back', async () => {
  // In the order in which they get their slots.
  const servers = (await startWebServers(3)).sort((one, other) => one.port - other.port);
  for (const server of servers) keep(server);
  const consul = keep(await startConsul({ services: servers.map((server) => registration(server)) }));
  const { bench } = await start(consul, { keep: 0, drainMs: 60_000 });
  await bench.pass();
  const before = await Promise.all(bench.haproxies.map(shownBy));
  const days = follow(bench);
  const states = async () => (await slotsOf(bench)).slice(0, 3).map(({ state }) => state);
  const become = (...wanted: string[]) =>
    until(async () => JSON.stringify(await states()) === JSON.stringify(wanted), { what: wanted.join(', ') });

  const second = servers[1]?.name ?? '';
  await consul.setMaintenance(second, true, 'new disk');
  await become('serving', 'draining', 'serving');
  await days.passes(2);
  await days.load.settled();
  const asked = servers[1]?.requests;
  await days.passes(3);
  expect(servers[1]?.requests).toBe(asked);
  await consul.setMaintenance(second, false);
  await become('serving', 'serving', 'serving');

  await consul.request('PUT', '/v1/agent/maintenance?enable=true&reason=reboot');
  await until(async () => (await slotsOf(bench)).every((slot, n) => n > 2 || isWithheld(slot)), {
    what: 'the node maintenance to be withheld, for there is no other node',
  });
  await days.passes(3);
  await consul.request('PUT', '/v1/agent/maintenance?enable=false');
  await settled(bench, 3);
  await days.stop();
  expect(days.load.failures).toEqual([]);
  expect(await Promise.all(bench.haproxies.map(shownBy))).toEqual(before);
});

test('arrivals: weights, warnings, IPv6, the node’s own address, and two registrations of one place', async () => {
  const consul = keep(await startConsul());
  const { bench } = await start(consul, { include: ['passing', 'warning'] });
  const v6 = keep(await startWebServer({ name: 'v6', address: '::1' }));
  const v4 = keep(await startWebServer({ name: 'v4' }));
  const weights = { passing: 20, warning: 5 };
  const ttl = (status: 'passing' | 'warning' | 'critical') => ({ checks: [{ ttl: '10m', status }] });
  await consul.register(registration(v6, { address: '0:0::0001', weights }));
  await consul.register({ id: 'v4', name: SERVICE, port: v4.port, weights, ...ttl('warning') });
  await consul.register(
    registration(v4, { id: 'twin', weights: { passing: 7, warning: 7 }, ...ttl('critical') }),
  );
  await consul.register({ id: 'bad', name: SERVICE, address: '127.0.0.9', port: 9, ...ttl('critical') });
  await until(async () => (await consul.health(SERVICE)).length === 4, { what: 'the catalog' });
  const { applied } = await bench.pass();
  expect(applied[0]?.report.reason).toBeNull();
  const [haproxy] = bench.haproxies;
  if (haproxy === undefined) throw new Error('no HAProxy');
  const inRotation = (await shownBy(haproxy)).filter((line) => line.includes(' ready '));
  expect(inRotation.sort()).toEqual(
    [`websrv1 127.0.0.1:${v4.port} ready 5`, `websrv2 ::1:${v6.port} ready 20`].sort(),
  );
  const answers = new Set<string>();
  for (let count = 0; count < 12; count += 1) answers.add(await (await fetch(haproxy.url)).text());
  expect(answers).toEqual(new Set(['v4\n', 'v6\n']));
  await consul.setCheck('service:v4', 'passing');
  await consul.deregister('twin');
  await until(async () => (await consul.health(SERVICE)).length === 3, { what: 'the catalog' });
  await bench.pass();
  expect((await shownBy(haproxy)).filter((line) => line.includes(' ready ')).sort()).toEqual(
    [`websrv1 127.0.0.1:${v4.port} ready 20`, `websrv2 ::1:${v6.port} ready 20`].sort(),
  );
});
