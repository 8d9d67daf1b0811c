/**
 * What clients see while slots change hands. HAProxy 3.0 and newer apply addresses a moment after they answered; a
 * server that is made ready too early still sends requests to its old address (facts measured on 3.0 and 3.2).
 */

import { afterEach, describe, expect, test } from 'vitest';
import { freePort } from '../../infra/local/free-port.ts';
import { haproxyVersions } from '../../infra/local/servers.ts';
import { until } from '../../infra/local/until.ts';
import { startWebServer, type WebServer } from '../../infra/local/web-server.ts';
import type { ServiceEntry } from '../../lib/model/service-entry.ts';
import { articleBackend, entry, startBenchFleet } from './bench-fleet.ts';
import { type Load, startLoad } from './load.ts';

/** More of it by hand: `HITLESS_ROUNDS=50 HITLESS_SLOTS=1000`, on the versions of `HITLESS_HAPROXY`. */
const ROUNDS = Number(process.env.HITLESS_ROUNDS ?? 10);
const SLOTS = Number(process.env.HITLESS_SLOTS ?? 100);
const CLIENTS = Number(process.env.HITLESS_CLIENTS ?? 8);
const PATIENCE_MS = 60_000 + ROUNDS * SLOTS * 20;

const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

function keep<T extends { stop(): Promise<void> }>(one: T): T {
  running.push(one);
  return one;
}

/** `count` web servers on addresses of their own, 127.NET.0.1 and on. */
async function webServers(net: number, count: number, port: number): Promise<WebServer[]> {
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  return Promise.all(
    numbers.map(async (number) =>
      keep(
        await startWebServer({
          name: `${net}.${number}`,
          address: `127.${net}.${Math.floor(number / 250)}.${(number % 250) + 1}`,
          port,
        }),
      ),
    ),
  );
}

function registered(servers: readonly WebServer[]): ServiceEntry[] {
  return servers.map(({ address, port }) => entry(address, port));
}

/** Waits until the load went on for a while, so that what comes next happens under traffic. */
async function traffic(load: Load, requests: number): Promise<void> {
  const total = () =>
    [...load.answers.values()].reduce((sum, count) => sum + count, 0) + load.failures.length;
  const from = total();
  await until(async () => (total() - from >= requests ? true : undefined), {
    what: `${requests} more requests`,
  });
}

describe.each(await haproxyVersions())('HAProxy $version under load', { timeout: PATIENCE_MS }, ({
  path: binary,
}) => {
  test('no request reaches the address that a slot had before', async () => {
    const port = await freePort();
    const trap = keep(await startWebServer({ name: 'trap', address: '127.0.30.1', port }));
    const [one = trap] = await webServers(31, 1, port);
    const many = await webServers(32, SLOTS, port);
    const bench = keep(
      await startBenchFleet({
        haproxies: [{ binary, backend: articleBackend(SLOTS + 1) }],
        policy: { slots: SLOTS + 1, drainMs: 0, placeholder: { address: trap.address, port: trap.port } },
      }),
    );
    bench.consul = registered([one]);
    await bench.pass();
    const load = keep(startLoad(bench.haproxies[0]?.url ?? '', CLIENTS));
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const servers of [[one, ...many], [one]]) {
        bench.consul = registered(servers);
        const { applied } = await bench.pass();
        expect(applied[0]?.report.reason).toBeNull();
        await traffic(load, 50);
      }
    }
    await load.stop();
    expect(trap.requests).toBe(0);
    expect(load.failures).toEqual([]);
    expect(load.answers.size).toBeGreaterThan(2);
  });

  test('a full backend whose every slot gets another endpoint loses no request', async () => {
    const port = await freePort();
    const old = await webServers(33, SLOTS, port);
    const fresh = await webServers(34, SLOTS, port);
    const bench = keep(
      await startBenchFleet({
        haproxies: [{ binary, backend: articleBackend(SLOTS) }],
        policy: { slots: SLOTS, drainMs: 0 },
      }),
    );
    bench.consul = registered(old);
    await bench.pass();
    const load = keep(startLoad(bench.haproxies[0]?.url ?? '', CLIENTS));
    await traffic(load, 200);
    bench.consul = registered(fresh);
    const { applied, table } = await bench.pass();
    expect(applied[0]?.report.reason).toBeNull();
    expect(table.backends.be_template?.slots).toHaveLength(SLOTS);
    await load.settled();
    const late = old.map(({ requests }) => requests);
    await traffic(load, 500);
    await load.stop();
    expect(old.map(({ requests }) => requests)).toEqual(late);
    expect(load.failures).toEqual([]);
  });

  test('a request under way when its slot changes hands leaves no connection behind', async () => {
    const port = await freePort();
    const slow = keep(await startWebServer({ name: 'slow', address: '127.0.35.1', port, delay: 300 }));
    const fresh = keep(await startWebServer({ name: 'fresh', address: '127.0.35.2', port }));
    const other = keep(await startWebServer({ name: 'other', address: '127.0.35.3', port }));
    const bench = keep(
      await startBenchFleet({
        haproxies: [{ binary, backend: articleBackend(2) }],
        policy: { slots: 2, drainMs: 0 },
      }),
    );
    const request = async () => (await fetch(bench.haproxies[0]?.url ?? '')).text();
    bench.consul = registered([slow, other]);
    await bench.pass();
    const underWay = Array.from({ length: 8 }, request);
    await until(async () => (slow.requests === 4 ? true : undefined), { what: 'four requests under way' });
    bench.consul = registered([fresh, other]);
    const { applied } = await bench.pass();
    expect(applied[0]?.report.reason).toBeNull();
    expect((await Promise.all(underWay)).filter((answer) => answer === 'slow\n')).toHaveLength(4);
    const answers = new Set<string>();
    for (let count = 0; count < 20; count += 1) answers.add(await request());
    expect(answers).toEqual(new Set(['fresh\n', 'other\n']));
  });
});
