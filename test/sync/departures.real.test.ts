/** How servers leave and come back, with requests under way, on every version at hand. */

import { afterEach, describe, expect, test } from 'vitest';
import { freePort } from '../../infra/local/free-port.ts';
import { haproxyVersions } from '../../infra/local/servers.ts';
import { until } from '../../infra/local/until.ts';
import { startWebServer, type WebServer } from '../../infra/local/web-server.ts';
import type { ServiceEntry } from '../../lib/model/service-entry.ts';
import { articleBackend, type BenchOptions, entry, shownBy, startBenchFleet } from './bench-fleet.ts';
import { startLoad } from './load.ts';

const DRAIN_MS = 30_000;

const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

function keep<T extends { stop(): Promise<void> }>(one: T): T {
  running.push(one);
  return one;
}

async function webServer(name: string, last: number, port: number, delay = 0): Promise<WebServer> {
  return keep(await startWebServer({ name, address: `127.0.41.${last}`, port, delay }));
}

function at(server: WebServer, differs: Partial<ServiceEntry> = {}): ServiceEntry {
  return entry(server.address, server.port, differs);
}

/** A fleet whose clock stands still until it is told to go on. */
async function start(binary: string, instances: number, options: Partial<BenchOptions> = {}) {
  const clock = { nowMs: 1_000_000 };
  const bench = keep(
    await startBenchFleet({
      haproxies: Array.from({ length: instances }, () => ({ binary, backend: articleBackend(2) })),
      now: () => clock.nowMs,
      ...options,
      policy: { slots: 2, drainMs: DRAIN_MS, ...options.policy },
    }),
  );
  return { bench, clock, urls: bench.haproxies.map(({ url }) => url) };
}

/** Each server of be_template as `websrv1 ADDRESS STATE`, for every instance. */
async function states(bench: Awaited<ReturnType<typeof start>>['bench']): Promise<string[][]> {
  const shown = await Promise.all(bench.haproxies.map(shownBy));
  return shown.map((lines) => lines.map((line) => line.split(' ').slice(0, 3).join(' ')));
}

async function ask(url: string): Promise<string> {
  const response = await fetch(url);
  return `${response.status} ${(await response.text()).trim()}`;
}

describe.each(await haproxyVersions())('HAProxy $version', ({ path: binary }) => {
  test('who registers port 0 from now on serves on as it was, named, for as long as Consul has it passing', async () => {
    const port = await freePort();
    const servers = await Promise.all([1, 2, 3, 4].map((number) => webServer(`web${number}`, number, port)));
    const { bench, clock, urls } = await start(binary, 1, {
      policy: { keep: 0.5, holdMs: 60_000, slots: 4 },
    });
    const of = (server: WebServer, index: number, differs: Partial<ServiceEntry> = {}) =>
      at(server, { node: `node${index + 1}`, id: `web-${index + 1}`, ...differs });
    bench.consul = servers.map((server, index) => of(server, index));
    await bench.pass();
    // An older agent beside newer servers: the ports of its services are 0.
    bench.consul = servers.map((server, index) => of(server, index, index < 2 ? {} : { port: 0 }));
    for (const laterMs of [0, 61_000, 600_000]) {
      clock.nowMs += laterMs;
      const { table } = await bench.pass();
      const withheld = table.backends.be_template?.slots.flatMap((slot) =>
        slot.state === 'serving' && slot.withheld !== null ? [slot.withheld.reason] : [],
      );
      expect(withheld).toHaveLength(2);
      expect(withheld?.[0]).toContain('web-3 on node3');
      expect((await states(bench)).flat().every((line) => line.endsWith(' ready'))).toBe(true);
    }
    const answers = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(() => ask(urls[0] ?? '')));
    expect(new Set(answers).size).toBe(4);
    bench.consul = servers.slice(0, 2).map((server, index) => of(server, index));
    await bench.pass();
    expect((await states(bench)).flat().filter((line) => line.endsWith(' ready'))).toHaveLength(2);
  });

  test('a long request on a draining server completes, gets no company, and the slot is parked when it is gone', async () => {
    const port = await freePort();
    const slow = await webServer('slow', 1, port, 2_500);
    const other = await webServer('other', 2, port);
    const next = await webServer('next', 3, port);
    const { bench, clock, urls } = await start(binary, 1);
    const [url = ''] = urls;
    bench.consul = [at(slow)];
    await bench.pass();
    const long = ask(url);
    await until(() => slow.requests === 1, { what: 'the long request to arrive' });

    bench.consul = [at(other)];
    await bench.pass();
    expect(await states(bench)).toEqual([
      [`websrv1 127.0.41.1:${port} drain`, `websrv2 127.0.41.2:${port} ready`],
    ]);
    for (let count = 0; count < 10; count += 1) expect(await ask(url)).toBe('200 other');
    clock.nowMs += DRAIN_MS - 1;
    const { applied } = await bench.pass();
    expect(applied[0]?.report.commands).toBe(0);
    expect(await long).toBe('200 slow');

    await until(async () => (await bench.pass()).applied[0]?.report.commands !== 0, {
      what: 'the idle server to be parked',
    });
    expect(await states(bench)).toEqual([['websrv1 0.0.0.0:80 maint', `websrv2 127.0.41.2:${port} ready`]]);
    expect((await bench.table()).backends.be_template?.slots[0]?.state).toBe('draining');

    clock.nowMs += 1;
    bench.consul = [at(other), at(next)];
    await bench.pass();
    expect(await states(bench)).toEqual([
      [`websrv1 127.0.41.3:${port} ready`, `websrv2 127.0.41.2:${port} ready`],
    ]);
    const answers = new Set<string>();
    for (let count = 0; count < 10; count += 1) answers.add(await ask(url));
    expect(answers).toEqual(new Set(['200 next', '200 other']));
    expect(slow.requests).toBe(1);
  });

  test('a request that outlives `drain` completes too, and the slot has no other tenant before it is gone', async () => {
    const port = await freePort();
    const slow = await webServer('slow', 1, port, 2_500);
    const other = await webServer('other', 2, port);
    const next = await webServer('next', 3, port);
    const { bench, clock, urls } = await start(binary, 1);
    const [url = ''] = urls;
    bench.consul = [at(slow)];
    await bench.pass();
    const long = ask(url);
    await until(() => slow.requests === 1, { what: 'the long request to arrive' });
    bench.consul = [at(other)];
    await bench.pass();
    clock.nowMs += DRAIN_MS;
    bench.consul = [at(other), at(next)];
    await bench.pass();
    expect(await long).toBe('200 slow');
    await until(async () => (await bench.pass()).applied[0]?.report.converged, {
      what: 'the fleet to converge',
    });
    expect(await states(bench)).toEqual([
      [`websrv1 127.0.41.3:${port} ready`, `websrv2 127.0.41.2:${port} ready`],
    ]);
    const answers = new Set<string>();
    for (let count = 0; count < 20; count += 1) answers.add(await ask(url));
    expect(answers).toEqual(new Set(['200 next', '200 other']));
    expect(slow.requests).toBe(1);
  });

  test('an endpoint that comes back is ready in its slot, where it drains and where it is parked already', async () => {
    const port = await freePort();
    const slow = await webServer('slow', 1, port, 2_500);
    const other = await webServer('other', 2, port);
    const { bench, urls } = await start(binary, 2);
    bench.consul = [at(slow)];
    await bench.pass();
    const long = ask(urls[0] ?? '');
    await until(() => slow.requests === 1, { what: 'the long request to arrive' });
    bench.consul = [at(other)];
    await bench.pass();
    await bench.pass();
    const ready = `websrv2 127.0.41.2:${port} ready`;
    expect(await states(bench)).toEqual([
      [`websrv1 127.0.41.1:${port} drain`, ready],
      ['websrv1 0.0.0.0:80 maint', ready],
    ]);
    const load = keep(startLoad(urls[1] ?? '', 2));
    bench.consul = [at(slow), at(other)];
    const { applied } = await bench.pass();
    expect(applied.map(({ report }) => report.reason)).toEqual([null, null]);
    const both = [`websrv1 127.0.41.1:${port} ready`, ready];
    expect(await states(bench)).toEqual([both, both]);
    expect(await long).toBe('200 slow');
    await until(() => load.answers.get('slow'), { what: 'the returned server to answer' });
    await load.stop();
    expect(load.failures).toEqual([]);
  });

  test('a drain that another worker began, on an HAProxy that has restarted since, is finished', async () => {
    const port = await freePort();
    const [one, two] = [await webServer('one', 1, port), await webServer('two', 2, port)];
    const { bench, clock } = await start(binary, 2);
    bench.consul = [at(one), at(two)];
    await bench.pass();
    bench.consul = [at(two)];
    await bench.pass();
    await bench.haproxies[1]?.restart();
    await bench.pass();
    clock.nowMs += DRAIN_MS;
    const { applied } = await bench.pass();
    expect(applied.map(({ report }) => report.reason)).toEqual([null, null]);
    const parked = ['websrv1 0.0.0.0:80 maint', `websrv2 127.0.41.2:${port} ready`];
    expect(await states(bench)).toEqual([parked, parked]);
    expect((await bench.table()).backends.be_template?.slots[0]?.state).toBe('free');
  });

  test('a critical endpoint is out at once, a request on it goes on, and it returns to its slot', async () => {
    const port = await freePort();
    const slow = await webServer('slow', 1, port, 1_000);
    const other = await webServer('other', 2, port);
    const { bench, urls } = await start(binary, 1);
    bench.consul = [at(slow)];
    await bench.pass();
    const long = ask(urls[0] ?? '');
    await until(() => slow.requests === 1, { what: 'the request to arrive' });
    bench.consul = [at(slow, { status: 'critical' }), at(other)];
    await bench.pass();
    expect((await states(bench))[0]?.[0]).toMatch(/^websrv1 .* maint$/);
    expect(await long).toBe('200 slow');
    bench.consul = [at(slow), at(other)];
    await bench.pass();
    expect(await states(bench)).toEqual([
      [`websrv1 127.0.41.1:${port} ready`, `websrv2 127.0.41.2:${port} ready`],
    ]);
  });

  test('maintenance drains; what turns critical while it drains is out at once', async () => {
    const port = await freePort();
    const [one, two] = [await webServer('one', 1, port), await webServer('two', 2, port)];
    const { bench, urls } = await start(binary, 1);
    bench.consul = [at(one), at(two)];
    await bench.pass();
    const load = keep(startLoad(urls[0] ?? '', 4));
    bench.consul = [at(one, { status: 'maintenance' }), at(two)];
    await bench.pass();
    expect((await bench.table()).backends.be_template?.slots[0]?.state).toBe('draining');
    bench.consul = [at(one, { status: 'critical' }), at(two)];
    await bench.pass();
    expect((await bench.table()).backends.be_template?.slots[0]?.state).toBe('free');
    expect((await states(bench))[0]?.[0]).toMatch(/^websrv1 .* maint$/);
    await load.stop();
    expect(load.failures).toEqual([]);
  });
});
