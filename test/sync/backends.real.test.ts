/** Who serves what: several backends for one service, several services in one fleet, one service in several fleets. */

import { afterEach, describe, expect, test } from 'vitest';
import { type LocalHaproxy, startHaproxy } from '../../infra/local/haproxy.ts';
import { haproxyVersions } from '../../infra/local/servers.ts';
import type { BackendPolicy, Fleet } from '../../lib/model/fleet.ts';
import type { ServiceEntry } from '../../lib/model/service-entry.ts';
import { passFleet } from '../../lib/sync/pass.ts';
import { policy } from '../slots/records.ts';
import { type BenchFleet, entries, entry, startBenchFleet } from './bench-fleet.ts';

const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

function backend(name: string, server: string): string {
  return `backend ${name}\n  balance roundrobin\n  server-template ${server} 1-4 127.0.0.1:8080 check disabled\n`;
}

const TWO_BACKENDS = `${backend('be_web', 'web')}${backend('be_api', 'api')}`;

/** A fleet of one HAProxy with be_web and be_api, and what Consul has for each service. */
async function start(binary: string, backends: readonly Partial<BackendPolicy>[]) {
  const bench = await startBenchFleet({
    haproxies: [{ binary, backend: TWO_BACKENDS }],
    fleet: { backends: backends.map((differs) => policy({ slots: 4, drainMs: 0, ...differs })) },
  });
  running.push(bench);
  const consul = new Map<string, readonly ServiceEntry[] | Error>();
  const asked: string[] = [];
  Object.assign(bench.ports, {
    async readService(service: string) {
      asked.push(service);
      const answer = consul.get(service) ?? [];
      if (answer instanceof Error) throw answer;
      return { entries: answer };
    },
  });
  return { bench, consul, asked };
}

/** `web1 127.0.71.1:8080 ready`, for every server in rotation. */
async function serving(haproxy: LocalHaproxy | undefined, name: string): Promise<string[]> {
  const reply = (await haproxy?.ask(`show servers state ${name}`)) ?? '';
  return reply
    .split('\n')
    .slice(2)
    .flatMap((line) => {
      const [, , , server, address, , admin, , , , , , , , , , , , port] = line.split(' ');
      return (Number(admin) & 9) === 0 ? [`${server} ${address}:${port}`] : [];
    });
}

async function both(bench: BenchFleet): Promise<string[][]> {
  const [haproxy] = bench.haproxies;
  return [await serving(haproxy, 'be_web'), await serving(haproxy, 'be_api')];
}

describe.each(await haproxyVersions())('HAProxy $version', ({ path: binary }) => {
  test('two backends of one service, by tags: Consul is asked once, and each has its own slots', async () => {
    const { bench, consul, asked } = await start(binary, [
      { backend: 'be_web', server: 'web', service: 'shop', tags: ['web'] },
      { backend: 'be_api', server: 'api', service: 'shop', tags: ['api'], include: ['passing', 'warning'] },
    ]);
    consul.set('shop', [
      entry('127.0.71.1', 80, { tags: ['web'] }),
      entry('127.0.71.2', 80, { tags: ['web', 'api'], status: 'warning' }),
      entry('127.0.71.3', 80, { tags: ['api'] }),
      entry('127.0.71.4', 80, { tags: ['batch'] }),
    ]);
    const { applied } = await bench.pass();
    expect(applied[0]?.report.reason).toBeNull();
    expect(asked).toEqual(['shop']);
    expect(await both(bench)).toEqual([['web1 127.0.71.1:80'], ['api1 127.0.71.2:80', 'api2 127.0.71.3:80']]);
    expect((await bench.pass()).applied[0]?.report.commands).toBe(0);
  });

  test('two services: one that cannot be read, is empty, or loses many harms only its own backend', async () => {
    const { bench, consul } = await start(binary, [
      { backend: 'be_web', server: 'web', service: 'web' },
      { backend: 'be_api', server: 'api', service: 'api', keep: 0.5 },
    ]);
    consul.set('web', entries(72, 2));
    consul.set('api', entries(73, 4));
    await bench.pass();
    const api = [1, 2, 3, 4].map((number) => `api${number} 127.0.73.${number}:8080`);
    expect(await both(bench)).toEqual([['web1 127.0.72.1:8080', 'web2 127.0.72.2:8080'], api]);

    consul.set('web', entries(72, 1));
    for (const answer of [new Error('500'), [], entries(73, 1)]) {
      consul.set('api', answer);
      await bench.pass();
      expect(await both(bench)).toEqual([['web1 127.0.72.1:8080'], api]);
    }
  });

  test('a backend that HAProxy does not have is a problem of its own', async () => {
    const { bench, consul } = await start(binary, [
      { backend: 'be_web', server: 'web', service: 'web' },
      { backend: 'be_gone', server: 'gone', service: 'web' },
    ]);
    consul.set('web', entries(72, 2));
    const { applied } = await bench.pass();
    expect(applied[0]?.report.reason).toContain('HAProxy has no backend be_gone');
    expect((await both(bench))[0]).toHaveLength(2);
  });

  test('one service in two fleets: each has its own table, and a drain in one is none in the other', async () => {
    const { bench, consul } = await start(binary, [{ backend: 'be_web', server: 'web', service: 'web' }]);
    const west = await startHaproxy({ binary, backend: TWO_BACKENDS });
    running.push(west);
    const second: Fleet = {
      ...bench.fleet,
      name: 'west',
      instances: [{ name: 'lb1', address: { scheme: 'unix', path: west.socket } }],
      backends: [policy({ backend: 'be_api', server: 'api', service: 'web', slots: 4, drainMs: 60_000 })],
    };
    const passes = async () => {
      await bench.pass();
      return passFleet(bench.ports, second, { entries: new Map(), snapshots: 'always' });
    };
    consul.set('web', entries(72, 2));
    await passes();
    consul.set('web', entries(72, 1));
    const { table } = await passes();
    expect(table.backends.be_api?.slots[1]?.state).toBe('draining');
    expect((await bench.table()).backends.be_web?.slots[1]?.state).toBe('free');
    expect(await serving(bench.haproxies[0], 'be_web')).toEqual(['web1 127.0.72.1:8080']);
    expect(await serving(west, 'be_api')).toEqual(['api1 127.0.72.1:8080']);
    expect(table.generation).toBe(2);
  });
});
