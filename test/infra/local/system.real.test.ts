import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { serversOf } from '../../../infra/local/demo/slots.ts';
import { freePort } from '../../../infra/local/free-port.ts';
import { isAlive } from '../../../infra/local/process.ts';
import type { SystemEvent } from '../../../infra/local/system/events.ts';
import { type LocalSystem, startSystem } from '../../../infra/local/system.ts';
import { until } from '../../../infra/local/until.ts';
import { startWebServers, type WebServer } from '../../../infra/local/web-server.ts';
import { loadConfig } from '../../../lib/config/load-config.ts';
import { configurationKey } from '../../../lib/store/keys.ts';
import { childrenOf } from './system/leftovers.ts';

let system: LocalSystem;
let webServers: readonly WebServer[];
const events: SystemEvent[] = [];

beforeAll(async () => {
  [system, webServers] = await Promise.all([
    // Nothing heals by itself here: each test asks for its reconcile.
    startSystem({ reconcileEveryMs: null, onEvent: (event) => events.push(event) }),
    startWebServers(4),
  ]);
});
afterAll(async () => {
  await system?.stop();
  await Promise.all((webServers ?? []).map((server) => server.stop()));
});

function register(number: number): Promise<void> {
  const server = webServers[number - 1];
  if (server === undefined) throw new RangeError(`there is no web server ${number}`);
  const { name, address, port } = server;
  return system.consul.register({ id: name, name: 'my-cluster', address, port });
}

/** By load balancer: the slots in rotation, with their port. */
async function served(): Promise<string[]> {
  const all = await Promise.all(system.instances.map(({ haproxy }) => serversOf(haproxy)));
  return all.map((servers) =>
    servers
      .filter(({ admin, weight }) => admin === 'ready' && weight > 0)
      .map(({ server, port }) => `${server} ${port}`)
      .join(', '),
  );
}

function slots(...numbers: readonly number[]): string[] {
  const line = numbers
    .map((number, index) => `websrv${index + 1} ${webServers[number - 1]?.port}`)
    .join(', ');
  return system.instances.map(() => line);
}

async function areServed(...numbers: readonly number[]): Promise<boolean> {
  return isDeepStrictEqual(await served(), slots(...numbers));
}

describe('the local system', () => {
  test('has three HAProxies, the first reached over its unix socket, the others over TCP', async () => {
    const { fleets } = await loadConfig(system.configuration.path);
    const instances = fleets.flatMap((fleet) => fleet.instances);
    expect(instances.map(({ name, address }) => `${name} ${address.scheme}`)).toEqual([
      'lb1 unix',
      'lb2 tcp',
      'lb3 tcp',
    ]);
    expect(events.filter(({ event }) => event === 'pass_done')).not.toEqual([]);
  });

  test('a registration in Consul reaches every HAProxy, and the file in the store', async () => {
    await register(1);
    await until(() => areServed(1), {
      what: 'web1 everywhere',
    });
    for (const { haproxy } of system.instances) {
      const response = await fetch(haproxy.url);
      expect(await response.text()).toBe('web1\n');
    }
    const address = `server websrv1 127.0.0.1:${webServers[0]?.port} `;
    await until(async () => (await system.store.get(configurationKey('edge')))?.body.includes(address), {
      what: 'the published configuration',
    });
  });

  test('every event that the functions log is understood here', () => {
    expect(events.filter(({ event }) => event === 'other')).toEqual([]);
    expect(new Set(events.map(({ event }) => event))).toEqual(
      new Set([
        'watch_received',
        'table_published',
        'configuration_published',
        'instance_applied',
        'pass_done',
      ]),
    );
  });
});

/** What earlier events asked for is done: a pass that is late reads Consul as it is by then. */
async function nothingIsUnderWay(): Promise<void> {
  const isEmpty = async () => {
    const { waiting, inFlight } = await system.emulator.countMessages(system.queue.url);
    return waiting + inFlight === 0;
  };
  await until(isEmpty, { what: 'an empty queue' });
}

describe('an event that got lost on the way', () => {
  afterEach(() => system.consul.setWatches([system.watch]));

  test('heals at the next reconcile: the token was wrong', async () => {
    await system.consul.setWatches([
      { ...system.watch, handler: { url: system.webhook.url, headers: { Authorization: 'Bearer old' } } },
    ]);
    const refused = () => events.filter((event) => event.event === 'watch_refused' && event.status === 401);
    await until(() => refused().length > 0, { what: 'the present state, refused' });
    await nothingIsUnderWay();
    const { length } = refused();
    await register(2);
    await until(() => refused().length > length, { what: 'the registration, refused' });
    expect(await served()).toEqual(slots(1));

    await system.reconcile();
    await until(() => areServed(1, 2), {
      what: 'web2 everywhere',
    });
  });

  test('heals at the next reconcile: nobody listened', async () => {
    const url = `http://127.0.0.1:${await freePort()}/watch/my-cluster`;
    await system.consul.setWatches([{ ...system.watch, handler: { url } }]);
    const tried = () => system.consul.output().split(`${url}`).length - 1;
    await until(() => tried() > 0, { what: 'the present state, lost' });
    await nothingIsUnderWay();
    const before = tried();
    await register(3);
    await until(() => tried() > before, { what: 'the registration, lost' });
    expect(await served()).toEqual(slots(1, 2));

    await system.reconcile();
    await until(() => areServed(1, 2, 3), {
      what: 'web3 everywhere',
    });
  });
});

describe('the end', () => {
  test('a part that does not start is named, and nothing is left of the others', async () => {
    vi.stubEnv('HITLESS_CONSUL', '/does/not/exist/consul');
    const before = childrenOf(process.pid);
    await expect(startSystem()).rejects.toThrow(/^Consul did not start: consul is not there/);
    vi.unstubAllEnvs();
    expect(childrenOf(process.pid)).toEqual(before);
  });

  test('stop leaves no process, no folder and no listener', async () => {
    const pids = [
      system.consul.pid,
      ...system.instances.flatMap(({ haproxy }) => [haproxy.masterPid, haproxy.pid]),
    ];
    expect(pids.filter(isAlive)).toEqual(pids);
    const folders = [
      dirname(system.configuration.path),
      ...system.instances.map(({ haproxy }) => dirname(haproxy.socket)),
    ];
    await Promise.all([system.stop(), system.stop()]);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(folders.filter(existsSync)).toEqual([]);
    const urls = [system.webhook.url, system.consul.url, system.emulator.s3Endpoint];
    for (const url of urls) await expect(fetch(url)).rejects.toThrow();
  });
});
