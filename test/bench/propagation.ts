/**
 * (b) From a call of Consul's API to the first request that the new server gets, and to the last one that a
 * deregistered server gets, through the whole local system and under traffic; with every hop's share. Beside it,
 * HAProxy's own discovery through Consul's DNS.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import type { ServiceRegistration } from '../../infra/local/consul-types.ts';
import type { LocalHaproxy } from '../../infra/local/haproxy.ts';
import { BACKEND, SERVICE } from '../../infra/local/system/configuration.ts';
import { startSystem } from '../../infra/local/system.ts';
import { until } from '../../infra/local/until.ts';
import { createRandom, type Random } from '../simulation/random.ts';
import { type Benchmark, type Row, verify } from './benchmark.ts';
import { type Child, startChild } from './child.ts';
import { DNS_BACKEND, startDnsDiscovery } from './propagation/dns-discovery.ts';
import { failed, serverSeen, serversStarted } from './propagation/messages.ts';
import { type Rotation, watchRotation } from './propagation/rotation.ts';
import { HOPS, type Hop, nowMs, startTrail, type Trail } from './propagation/trail.ts';
import { median, quantile, sum } from './statistics.ts';

/** Registered in turn, one at a time; each has left for good when its turn comes again. */
const IN_TURN = 12;
const CLIENTS = 8;
/** Of each client: together a request about every 0.75 milliseconds, so that a server in rotation is asked soon. */
const REQUEST_EVERY_MS = 6;
/** Silence after which a server counts as not asked any more. */
const SILENCE_MS = 60;
const WITHIN_MS = 20_000;
const WARM_UP = 5;
/** For all servers to come into rotation at first. */
const ALL_WITHIN_MS = 60_000;
/** As long as the timers of DNS discovery: a change meets them at any moment. */
const DNS_TIMER_MS = 1_000;

export const propagation: Benchmark = {
  name: 'propagation',
  title:
    'from the call of Consul to the first request, and to the last; with every hop, and DNS discovery beside it',

  async run({ runs, size, seed, tell }) {
    const rounds = runs ?? (size === 'small' ? 10 : 100);
    const counts = size === 'small' ? [5, 50] : [5, 200];
    const rows: Row[] = [];
    for (const count of counts) {
      const few = count === 5;
      tell(`Hitless, ${count} endpoints, ${rounds} rounds`);
      const hitless = await withServers(count, (servers) => throughHitless(servers, rounds));
      tell(`DNS discovery, ${count} endpoints`);
      const dns = await withServers(count, (servers) =>
        throughDns(servers, Math.ceil(rounds / 5), createRandom(seed)),
      );
      rows.push(...rowsOf(`${count} endpoints`, hitless, few), ...dnsRows(`${count} endpoints`, dns));
    }
    const sizes = {
      rounds,
      'of DNS': Math.ceil(rounds / 5),
      endpoints: counts,
      HAProxies: 1,
      clients: CLIENTS,
    };
    return { sizes: { ...sizes, 'request of each every ms': REQUEST_EVERY_MS }, rows };
  },
};

interface WebServer {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

interface Servers {
  /** Registered all the time. */
  readonly steady: readonly WebServer[];
  readonly inTurn: readonly WebServer[];
  readonly child: Child;
}

async function withServers<T>(count: number, work: (servers: Servers) => Promise<T>): Promise<T> {
  const child = startChild(new URL('./propagation/traffic.ts', import.meta.url));
  try {
    const places = Array.from({ length: count + IN_TURN }, (_, index) => ({
      name: `web${index + 1}`,
      address: `127.0.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`,
    }));
    const { ports } = await child.ask({ do: 'servers', servers: places }, serversStarted);
    const all = places.map((place, index) => ({ ...place, port: ports[index] ?? 0 }));
    return await work({ steady: all.slice(0, count), inTurn: all.slice(count), child });
  } finally {
    await child.stop();
  }
}

interface Change {
  /** From the call until HAProxy shows it. */
  readonly rotationMs: number;
  /** From the call until the first request of a new server, or the last one of an old one. */
  readonly requestMs: number;
  readonly hops: ReadonlyMap<Hop, number>;
}

interface Changes {
  readonly came: readonly Change[];
  readonly went: readonly Change[];
  readonly failures: readonly string[];
}

interface Registry {
  register(service: ServiceRegistration): Promise<void>;
  deregister(id: string): Promise<void>;
}

async function throughHitless(servers: Servers, rounds: number): Promise<Changes> {
  const passes = { done: 0 };
  const system = await startSystem({
    haproxies: 1,
    reconcileEveryMs: null,
    backend: { slots: servers.steady.length + 50, keep: '0%', drain: '1s' },
    onEvent: ({ event }) => {
      if (event === 'pass_done') passes.done += 1;
    },
  });
  const trail = startTrail();
  try {
    const [instance] = system.instances;
    if (instance === undefined) throw new RangeError('a system without HAProxies');
    const { haproxy } = instance;
    const { pid } = haproxy;
    const settled = async () => {
      for (let before = -1; before !== passes.done; ) {
        before = passes.done;
        await sleep(150);
      }
    };
    const changes = await changesOf(system.consul, haproxy, BACKEND, servers, {
      rounds,
      warmUp: WARM_UP,
      trail,
      settled,
    });
    const now = Number(/^Pid: (\d+)$/m.exec(await haproxy.ask('show info'))?.[1]);
    verify(now === pid, 'HAProxy was not reloaded');
    return changes;
  } finally {
    trail.stop();
    await system.stop();
  }
}

/** Or why it could not be measured: HAProxy may not get all of many servers from the resolver. */
async function throughDns(servers: Servers, rounds: number, random: Random): Promise<Changes | Error> {
  const discovery = await startDnsDiscovery(SERVICE, servers.steady.length + 50);
  try {
    return await changesOf(discovery, discovery.haproxy, DNS_BACKEND, servers, {
      rounds,
      warmUp: 0,
      trail: null,
      settled: () => sleep(random.between(0, DNS_TIMER_MS)),
    });
  } catch (failed) {
    return failed instanceof Error ? failed : new Error(String(failed));
  } finally {
    await discovery.stop();
  }
}

interface Course {
  readonly rounds: number;
  /** Rounds before that, which meet cold code. */
  readonly warmUp: number;
  readonly trail: Trail | null;
  /** Returns when nothing is under way any more. */
  readonly settled: () => Promise<void>;
}

async function changesOf(
  registry: Registry,
  haproxy: LocalHaproxy,
  backend: string,
  { steady, inTurn, child }: Servers,
  { rounds, warmUp, trail, settled }: Course,
): Promise<Changes> {
  for (const one of steady) await registry.register(registration(one));
  const rotation = await watchRotation(haproxy.socket, backend);
  try {
    await until(async () => (await rotation.count()) === steady.length, {
      what: 'all servers in rotation',
      within: ALL_WITHIN_MS,
    });
    // A health check of every server has been answered by then.
    await sleep(2_500);
    await child.ask(
      { do: 'traffic', url: haproxy.url, clients: CLIENTS, everyMs: REQUEST_EVERY_MS },
      v.null(),
    );
    await sleep(500);
    const came: Change[] = [];
    const went: Change[] = [];
    const few = steady.length <= 10;
    for (let round = -warmUp; round < rounds; round += 1) {
      const server = inTurn[(round + WARM_UP) % inTurn.length];
      if (server === undefined) throw new RangeError('no server in turn');
      await settled();
      await child.ask({ do: 'forget', name: server.name }, v.null());
      const arrived = await arrival(registry, rotation, child, server, few, trail);
      await settled();
      const departed = await departure(registry, rotation, child, server, few, trail);
      if (round < 0) continue;
      came.push(arrived);
      went.push(departed);
    }
    verify((await rotation.count()) === steady.length, 'at the end those serve that served at the beginning');
    return { came, went, failures: (await child.ask({ do: 'failures' }, failed)).failures };
  } finally {
    rotation.stop();
  }
}

async function arrival(
  registry: Registry,
  rotation: Rotation,
  child: Child,
  server: WebServer,
  few: boolean,
  trail: Trail | null,
): Promise<Change> {
  trail?.begin();
  const calledMs = nowMs();
  const registering = registry.register(registration(server));
  const inMs = await rotation.until(server, 'in', WITHIN_MS);
  await registering;
  const hops = trail?.hops(calledMs, inMs) ?? new Map();
  const first = few
    ? await until(async () => (await child.ask({ do: 'seen', name: server.name }, serverSeen)).first, {
        what: `the first request of ${server.name}`,
      })
    : Number.NaN;
  return { rotationMs: inMs - calledMs, requestMs: first - calledMs, hops };
}

async function departure(
  registry: Registry,
  rotation: Rotation,
  child: Child,
  server: WebServer,
  few: boolean,
  trail: Trail | null,
): Promise<Change> {
  trail?.begin();
  const calledMs = nowMs();
  const deregistering = registry.deregister(server.name);
  const outMs = await rotation.until(server, 'out', WITHIN_MS);
  await deregistering;
  const hops = trail?.hops(calledMs, outMs) ?? new Map();
  const last = await until(
    async () => {
      const { last: at, nowMs: there } = await child.ask({ do: 'seen', name: server.name }, serverSeen);
      return at === null || there - at > SILENCE_MS ? { at } : undefined;
    },
    { what: `${server.name} to be left alone` },
  );
  // A request that was under way when it went out of rotation ends a few milliseconds later.
  const late = last.at === null ? 0 : last.at - outMs;
  verify(
    late < 50,
    `no request reaches ${server.name} after it left the rotation (one came ${late} ms later)`,
  );
  const requestMs = few ? Math.max(0, (last.at ?? calledMs) - calledMs) : Number.NaN;
  return { rotationMs: outMs - calledMs, requestMs, hops };
}

function registration({ name, address, port }: WebServer): ServiceRegistration {
  return { id: name, name: SERVICE, address, port };
}

function rowsOf(size: string, { came, went, failures }: Changes, few: boolean): Row[] {
  const rows: Row[] = [];
  const bars = few ? [40, 110] : [60, 150];
  const kinds = [
    { what: few ? 'registered → first request' : 'registered → in rotation', changes: came },
    { what: few ? 'deregistered → last request' : 'deregistered → out of rotation', changes: went },
  ];
  for (const { what, changes } of kinds) {
    const times = changes.map(({ requestMs, rotationMs }) => (few ? requestMs : rotationMs));
    const { length } = times;
    rows.push(
      { what: `${size}, ${what}: median`, value: median(times), unit: 'ms', bar: { atMost: bars[0] ?? 0 } },
      {
        what: `${size}, ${what}: p99`,
        value: quantile(times, 0.99),
        unit: 'ms',
        bar: { atMost: bars[1] ?? 0 },
        ...(length < 100 ? { note: `the worst of ${length}` } : {}),
      },
    );
    const total = median(changes.map(({ rotationMs }) => rotationMs));
    for (const [hop, name] of HOPS) {
      const values = changes.map(({ hops }) => hops.get(hop) ?? Number.NaN).filter(Number.isFinite);
      rows.push({
        what: `   ${name}`,
        value: median(values),
        unit: 'ms',
        note: `${Math.round((median(values) / total) * 100)} % of the way to the rotation; p99 ${quantile(values, 0.99).toFixed(1)}`,
      });
    }
    if (few) {
      const rest = changes.map(({ requestMs, rotationMs }) => requestMs - rotationMs);
      rows.push({ what: '   from there to that request', value: median(rest), unit: 'ms' });
    }
    verify(sum(times) > 0, 'times were measured');
  }
  rows.push({
    what: `${size}: failed requests`,
    value: failures.length,
    unit: 'requests',
    bar: { atMost: 0 },
    ...(failures[0] === undefined ? {} : { note: failures[0] }),
  });
  return rows;
}

function dnsRows(size: string, changes: Changes | Error): Row[] {
  if (changes instanceof Error) {
    const what = `${size}, HAProxy's DNS discovery: not measured, given up after`;
    return [{ what, value: ALL_WITHIN_MS, unit: 'ms', note: changes.message }];
  }
  const { came, went, failures } = changes;
  const row = (what: string, value: number): Row => ({
    what: `${size}, HAProxy's DNS discovery, ${what}`,
    value,
    unit: 'ms',
  });
  const times = (of: readonly Change[]) => of.map(({ rotationMs }) => rotationMs);
  return [
    row('registered → in rotation: median', median(times(came))),
    row('worst', Math.max(...times(came))),
    row('deregistered → out of rotation: median', median(times(went))),
    row('worst', Math.max(...times(went))),
    { what: `${size}, HAProxy's DNS discovery: failed requests`, value: failures.length, unit: 'requests' },
  ];
}
