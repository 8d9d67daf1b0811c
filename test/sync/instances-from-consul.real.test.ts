/** A fleet whose load balancers come and go by themselves: with a real Consul and real HAProxies. */

import { afterEach, expect, test } from 'vitest';
import { type LocalConsul, startConsul } from '../../infra/local/consul.ts';
import { type LocalHaproxy, startHaproxy } from '../../infra/local/haproxy.ts';
import { until } from '../../infra/local/until.ts';
import { createConsulReader } from '../../lib/consul/consul-reader.ts';
import type { Fleet } from '../../lib/model/fleet.ts';
import { applyShard } from '../../lib/sync/pass.ts';
import { previewFleet } from '../../lib/sync/preview.ts';
import { fleetStatus } from '../../lib/sync/status.ts';
import { surveyFleet } from '../../lib/sync/survey.ts';
import { articleBackend, type BenchFleet, shownBy, startBenchFleet } from './bench-fleet.ts';

const SERVICE = 'haproxy-runtime';
const MINUTE_MS = 60_000;

const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

function keep<T extends { stop(): Promise<void> }>(one: T): T {
  running.push(one);
  return one;
}

/** A Consul, and a fleet of nobody but those who register there. */
async function start(differs: Partial<Fleet> = {}) {
  const consul = keep(await startConsul());
  const clock = { laterMs: 0 };
  const writes: string[] = [];
  const bench = keep(
    await startBenchFleet({
      haproxies: [],
      policy: { slots: 8, keep: 0, drainMs: 0 },
      fleet: { instances: [], instancesFrom: { service: SERVICE, scheme: 'tcp', tags: [] }, ...differs },
      now: () => Date.now() + clock.laterMs,
    }),
  );
  const reader = createConsulReader({ address: consul.url, datacenter: null, tls: {} }, { timeoutMs: 5_000 });
  const { put, putIf } = bench.store;
  Object.assign(bench.ports, { readService: (service: string) => reader.readService(service) });
  Object.assign(bench.store, {
    put: (key: string, body: string) => {
      writes.push(key);
      return put(key, body);
    },
    putIf: (key: string, body: string, expected: string | null) => {
      writes.push(key);
      return putIf(key, body, expected);
    },
  });
  return { consul, bench, clock, writes };
}

/** A load balancer that comes up with nobody in its slots and registers itself. */
async function comes(consul: LocalConsul, id: string): Promise<LocalHaproxy> {
  const haproxy = keep(await startHaproxy({ backend: articleBackend(8) }));
  const { host, port } = haproxy.runtime;
  await consul.register({ id, name: SERVICE, address: host, port });
  await catalogued(consul, SERVICE, id);
  return haproxy;
}

async function serverComes(consul: LocalConsul, number: number): Promise<void> {
  await consul.register({ id: `web-${number}`, name: 'my-cluster', address: `127.0.1.${number}`, port: 80 });
  await catalogued(consul, 'my-cluster', `web-${number}`);
}

async function catalogued(consul: LocalConsul, service: string, id: string, there = true): Promise<void> {
  const has = async () => JSON.stringify(await consul.health(service)).includes(`"ID":"${id}"`);
  await until(async () => (await has()) === there, { what: `Consul to know ${id}: ${there}` });
}

/** Names of the instances that a pass applied to and that converged. */
async function converged(bench: BenchFleet): Promise<string[]> {
  const { applied } = await bench.pass();
  return applied.flatMap(({ report }) => (report.converged ? [report.instance] : []));
}

async function ready(haproxy: LocalHaproxy): Promise<number> {
  return (await shownBy(haproxy)).filter((line) => line.includes(' ready ')).length;
}

test('a third load balancer that registers is brought up to date by one pass, with the slots of the others', async () => {
  const { consul, bench, writes } = await start();
  await serverComes(consul, 1);
  await serverComes(consul, 2);
  const first = await comes(consul, 'lb1');
  const second = await comes(consul, 'lb2');
  expect(await converged(bench)).toEqual(['local--lb1', 'local--lb2']);

  const third = await comes(consul, 'lb3');
  expect(await ready(third)).toBe(0);
  expect(await converged(bench)).toEqual(['local--lb1', 'local--lb2', 'local--lb3']);
  expect(await shownBy(third)).toEqual(await shownBy(first));
  expect(await shownBy(third)).toEqual(await shownBy(second));
  expect(await ready(third)).toBe(2);

  writes.length = 0;
  const { applied } = await bench.pass();
  expect(applied.map(({ report }) => report.commands)).toEqual([0, 0, 0]);
  expect(writes).toEqual([]);
});

test('status, plan and check --live have them among the instances', async () => {
  const { consul, bench } = await start();
  await serverComes(consul, 1);
  await comes(consul, 'lb1');
  await consul.register({ id: 'odd', name: SERVICE, address: 'lb.internal', port: 9999 });
  await catalogued(consul, SERVICE, 'odd');
  const refused = [{ name: 'local--odd', address: 'lb.internal', port: 9999 }];

  const preview = await previewFleet(bench.ports, bench.fleet);
  expect(preview.instances).toMatchObject([{ instance: 'local--lb1', unreachable: null }]);
  expect(preview.refusedInstances).toMatchObject(refused);
  const survey = await surveyFleet(bench.ports, bench.fleet);
  expect(survey.instances).toMatchObject([{ instance: 'local--lb1', level: 'admin', problems: [] }]);
  expect(survey.refusedInstances).toMatchObject(refused);
  expect(survey.services).toContainEqual({ service: SERVICE, registered: 2, problems: [] });
  expect((await fleetStatus(bench.store, bench.fleet)).instances).toEqual({});

  await bench.pass();
  const status = await fleetStatus(bench.store, bench.fleet);
  expect(status.instances).toMatchObject({ 'local--lb1': { converged: true } });
  expect(status.refusedInstances).toMatchObject(refused);
});

test('one that deregisters is kept in step for ten minutes, and then dropped', async () => {
  const { consul, bench, clock } = await start();
  await serverComes(consul, 1);
  await comes(consul, 'lb1');
  const leaving = await comes(consul, 'lb2');
  await converged(bench);

  await consul.deregister('lb2');
  await catalogued(consul, SERVICE, 'lb2', false);
  await serverComes(consul, 2);
  expect(await converged(bench)).toEqual(['local--lb1', 'local--lb2']);
  clock.laterMs += 9 * MINUTE_MS;
  expect(await converged(bench)).toEqual(['local--lb1', 'local--lb2']);
  expect(await ready(leaving)).toBe(2);

  clock.laterMs += MINUTE_MS;
  await serverComes(consul, 3);
  expect(await converged(bench)).toEqual(['local--lb1']);
  expect(await ready(leaving)).toBe(2);
});

test('one that deregisters and is gone is dropped as soon as it was missed twice', async () => {
  const { consul, bench } = await start();
  await comes(consul, 'lb1');
  const leaving = await comes(consul, 'lb2');
  await converged(bench);
  await consul.deregister('lb2');
  await catalogued(consul, SERVICE, 'lb2', false);
  await leaving.kill();
  const { applied } = await bench.pass();
  expect(applied.map(({ report }) => [report.instance, report.converged])).toEqual([
    ['local--lb1', true],
    ['local--lb2', false],
  ]);
  expect((await bench.pass()).applied.map(({ report }) => report.instance)).toEqual(['local--lb1']);
});

test('while Consul answers `[]`, and while it is away, nobody is dropped', async () => {
  const { consul, bench, clock } = await start();
  await serverComes(consul, 1);
  const first = await comes(consul, 'lb1');
  const second = await comes(consul, 'lb2');
  await converged(bench);

  for (const id of ['lb1', 'lb2']) await consul.deregister(id);
  await catalogued(consul, SERVICE, 'lb1', false);
  await catalogued(consul, SERVICE, 'lb2', false);
  clock.laterMs += 60 * MINUTE_MS;
  await serverComes(consul, 2);
  expect(await converged(bench)).toEqual(['local--lb1', 'local--lb2']);
  expect([await ready(first), await ready(second)]).toEqual([2, 2]);

  await consul.kill();
  await second.ask('set server be_template/websrv1 addr 127.0.0.99');
  expect(await converged(bench)).toEqual(['local--lb1', 'local--lb2']);
  expect(await shownBy(second)).toEqual(await shownBy(first));
});

test('one whose check is critical, and one in maintenance, are kept in step', async () => {
  const { consul, bench } = await start();
  await serverComes(consul, 1);
  const first = await comes(consul, 'lb1');
  const second = await comes(consul, 'lb2');
  const { host, port } = second.runtime;
  const checks = [{ ttl: '10m', status: 'critical' as const }];
  await consul.register({ id: 'lb2', name: SERVICE, address: host, port, checks });
  await consul.setMaintenance('lb1', true);
  expect(await converged(bench)).toEqual(['local--lb1', 'local--lb2']);
  expect([await ready(first), await ready(second)]).toEqual([1, 1]);
});

test('a load balancer that is listed and registered is one, under its listed name', async () => {
  const { consul, bench } = await start();
  const first = await comes(consul, 'lb1');
  await comes(consul, 'lb2');
  const listed = { name: 'mine', address: { scheme: 'tcp', ...first.runtime } } as const;
  Object.assign(bench.fleet, { instances: [listed] });
  expect(await converged(bench)).toEqual(['mine', 'local--lb2']);
});

test('who serves already when the fleet is first seen keeps its slots, also when it was found in Consul', async () => {
  const { consul, bench } = await start();
  await serverComes(consul, 1);
  const haproxy = await comes(consul, 'lb1');
  await haproxy.ask('set server be_template/websrv5 addr 127.0.1.1 port 80');
  await haproxy.ask('set server be_template/websrv5 state ready');
  expect(await converged(bench)).toEqual(['local--lb1']);
  const inRotation = (await shownBy(haproxy)).filter((line) => line.includes(' ready '));
  expect(inRotation).toEqual(['websrv5 127.0.1.1:80 ready 1']);
});

test('every shard’s own message finds its instances without Consul, each once', async () => {
  const { consul, bench } = await start({ shard: 1 });
  await serverComes(consul, 1);
  const all = [await comes(consul, 'lb1'), await comes(consul, 'lb2'), await comes(consul, 'lb3')];
  const { applied, shards } = await bench.pass({ handOut: async () => {} });
  expect([applied, shards]).toEqual([[], [0, 1, 2]]);
  await consul.kill();
  const each = await Promise.all(
    shards.map((shard) => applyShard(bench.ports, bench.fleet, shard, { snapshots: 'when-due' })),
  );
  expect(each.map((own) => own.map(({ report }) => report.instance))).toEqual([
    ['local--lb1'],
    ['local--lb2'],
    ['local--lb3'],
  ]);
  expect(await Promise.all(all.map(ready))).toEqual([1, 1, 1]);
});
