/**
 * (c) One change over many instances in one invocation, (d) a reconcile that finds nothing to do, and what dead and slow
 * instances cost the others. The passes run in a process of their own, each fleet size in a new one, so that its
 * processor time and memory are those of an invocation alone; the simulated instances in another one.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { startEmulator } from '../../infra/local/emulator.ts';
import { type LocalHaproxy, startHaproxy } from '../../infra/local/haproxy.ts';
import { type Benchmark, type Row, verify } from './benchmark.ts';
import { type Child, startChild } from './child.ts';
import { startInvocation } from './fleet/bundled.ts';
import { type Behaviour, listening, type PassDone, passDone, shown } from './fleet/messages.ts';
import { type ShownServer, shownServers } from './shown-servers.ts';
import { ask } from './slots/bare-client.ts';
import { median, quantile } from './statistics.ts';

const BACKEND = 'be_template';
const SLOTS = 100;
/** Registered before the first measured change; each change registers one more. */
const AT_FIRST = 50;
const WARM_UP = 3;
const REAL = 10;
const SLOW_MS = 200;
/** For one instance. A dead one makes every pass last so long. */
const TIMEOUT_MS = 2_000;
const BUCKET = 'bench';
/** Of the invocation; Hitless's worker has 512. */
const MEMORY_MB = 256;

const nothing = v.null();

export const fleet: Benchmark = {
  name: 'fleet',
  title: 'one change over 10, 100 and 500 instances in one invocation, and a reconcile with nothing to do',

  async run(options) {
    const counts = options.size === 'small' ? [10, 100] : [10, 100, 500];
    const rounds = options.runs ?? (options.size === 'small' ? 3 : 9);
    const rows: Row[] = [];
    const cpuOf = new Map<number, number>();
    for (const count of counts) {
      for (const store of ['S3', 'memory'] as const) {
        options.tell(`${count} instances, store: ${store}`);
        const { changed, idle } = await withFleet({ count, store }, (world) => measure(world, rounds));
        rows.push(...rowsOf(count, store, changed, idle));
        if (store === 'S3') cpuOf.set(count, median(changed.map((pass) => pass.cpuMs / count)));
      }
    }
    const [smallest = 0, largest = 0] = [counts[0], counts.at(-1)];
    rows.push({
      what: `processor time for an instance of ${largest}, against one of ${smallest}`,
      value: (cpuOf.get(largest) ?? Number.NaN) / (cpuOf.get(smallest) ?? Number.NaN),
      unit: '×',
      bar: { atMost: 1.5 },
      note: '"growing linearly" read as: at most half as much again',
    });
    return {
      sizes: { rounds, instances: counts, slots: SLOTS, 'of them real': REAL, 'memory MB': MEMORY_MB },
      rows,
    };
  },
};

export const badInstances: Benchmark = {
  name: 'bad',
  title: '5 % dead and 5 % slow instances: what the others notice of one change',

  async run({ runs, size, tell }) {
    const count = size === 'small' ? 40 : 200;
    const rounds = runs ?? (size === 'small' ? 3 : 9);
    const bad = Math.ceil(count / 20);
    const good = Array.from({ length: count - 2 * bad }, (): Behaviour => 'good');
    const dead = Array.from({ length: bad }, (): Behaviour => 'dead');
    const slow = Array.from({ length: bad }, (): Behaviour => 'slow');
    tell(`${good.length} good instances alone, and with ${bad} dead and ${bad} slow ones`);
    // The bad ones come first, so that they are in everybody's way.
    const everybody = [...dead, ...slow, ...good];
    const [alone, among] = await withFleet({ behaviours: good, store: 'S3' }, (without) =>
      withFleet({ behaviours: everybody, store: 'S3' }, (within) =>
        measureInTurn(
          [
            { world: without, pauseMs: TIMEOUT_MS },
            { world: within, pauseMs: 0 },
          ],
          rounds,
        ),
      ),
    );
    if (alone === undefined || among === undefined) throw new RangeError('two fleets were measured');
    const others = among.changed.map(({ appliedMs }) =>
      Object.entries(appliedMs).flatMap(([name, ms]) => (Number(name.slice(2)) > 2 * bad ? [ms] : [])),
    );
    verify(
      others.every((times) => times.length === good.length),
      'all good instances are reported as converged',
    );
    const before = alone.changed.map(({ appliedMs }) => Object.values(appliedMs));
    const at = (passes: readonly (readonly number[])[], share: number) =>
      median(passes.map((times) => quantile(times, share)));
    const rows: Row[] = [0.5, 0.99].flatMap((share): Row[] => {
      const name = share === 0.5 ? 'median' : 'p99';
      const [without, within] = [at(before, share), at(others, share)];
      return [
        { what: `${name} of the good ones' propagation, alone`, value: without, unit: 'ms' },
        { what: `${name} among bad ones`, value: within, unit: 'ms' },
        {
          what: `growth of the ${name}`,
          value: (within / without - 1) * 100,
          unit: '%',
          bar: { atMost: 25 },
        },
      ];
    });
    const walls = (of: Measured) => median(of.changed.map(({ wallMs }) => wallMs));
    rows.push(
      { what: 'a pass as a whole, for which the next change waits, alone', value: walls(alone), unit: 'ms' },
      { what: 'a pass as a whole among bad ones', value: walls(among), unit: 'ms' },
    );
    return {
      sizes: { rounds, instances: count, dead: bad, slow: bad, 'slow ms for each answer': SLOW_MS },
      rows,
    };
  },
};

interface FleetOptions {
  /** Instances, the first of them real; or */
  readonly count?: number;
  /** simulated ones that behave like this. */
  readonly behaviours?: readonly Behaviour[];
  readonly store: 'S3' | 'memory';
}

interface World {
  readonly instances: number;
  pass(endpoints: number): Promise<PassDone>;
  /** What every good instance shows. */
  shown(): Promise<readonly (readonly ShownServer[])[]>;
}

async function withFleet<T>(options: FleetOptions, work: (world: World) => Promise<T>): Promise<T> {
  const { count = 0, behaviours = simulatedFor(count), store } = options;
  const haproxies = await Promise.all(
    Array.from({ length: Math.min(count, REAL) }, () => startHaproxy({ backend: declared() })),
  );
  const emulator = await startEmulator();
  const simulated = startChild(new URL('./fleet/simulated-fleet.ts', import.meta.url));
  const invocation = await startInvocation(emulator.environment, MEMORY_MB);
  try {
    await emulator.createBucket(BUCKET);
    const start = { do: 'start', backend: BACKEND, slots: SLOTS, behaviours, slowMs: SLOW_MS };
    const { ports } = await simulated.ask(start, listening);
    await invocation.ask(
      {
        do: 'start',
        ports: [...haproxies.map(({ runtime }) => runtime.port), ...ports],
        slots: SLOTS,
        s3: store === 'S3' ? { endpoint: emulator.s3Endpoint, bucket: BUCKET } : null,
        timeoutMs: TIMEOUT_MS,
      },
      nothing,
    );
    return await work({
      instances: haproxies.length + behaviours.length,
      pass: (endpoints) => invocation.ask({ do: 'pass', endpoints }, passDone),
      shown: () => shownBy(haproxies, simulated, behaviours),
    });
  } finally {
    await Promise.all([invocation.stop(), simulated.stop(), emulator.stop()]);
    await Promise.all(haproxies.map((haproxy) => haproxy.stop()));
  }
}

function simulatedFor(count: number): readonly Behaviour[] {
  return Array.from({ length: Math.max(0, count - REAL) }, () => 'good');
}

function declared(): string {
  return `backend ${BACKEND}\n  balance roundrobin\n  server-template websrv 1-${SLOTS} 0.0.0.0:80 disabled\n`;
}

async function shownBy(
  haproxies: readonly LocalHaproxy[],
  simulated: Child,
  behaviours: readonly Behaviour[],
): Promise<readonly (readonly ShownServer[])[]> {
  const show = `show servers state ${BACKEND}`;
  const real = await Promise.all(haproxies.map(({ socket }) => ask(socket, show)));
  const { states } = await simulated.ask({ do: 'show' }, shown);
  return [...real, ...states.filter((_, index) => behaviours[index] === 'good')].map(shownServers);
}

interface Measured {
  readonly changed: readonly PassDone[];
  readonly idle: readonly PassDone[];
}

/** Each round registers one more endpoint, and is followed by a pass with nothing to do. */
async function measure(world: World, rounds: number): Promise<Measured> {
  const [measured] = await measureInTurn([{ world, pauseMs: 0 }], rounds);
  return measured ?? { changed: [], idle: [] };
}

interface InTurn {
  readonly world: World;
  /** Before each change, so that kept connections are as old as with dead instances. */
  readonly pauseMs: number;
}

/** A round of one after a round of the other, so that what else the machine does meets both. */
async function measureInTurn(worlds: readonly InTurn[], rounds: number): Promise<readonly Measured[]> {
  const changed = worlds.map((): PassDone[] => []);
  const idle = worlds.map((): PassDone[] => []);
  for (const { world } of worlds) await world.pass(AT_FIRST);
  for (let round = 0; round < WARM_UP + rounds; round += 1) {
    const endpoints = AT_FIRST + 1 + round;
    for (const [index, { world, pauseMs }] of worlds.entries()) {
      await sleep(pauseMs);
      const change = await world.pass(endpoints);
      await verifyServing(world, endpoints);
      const none = await world.pass(endpoints);
      if (round < WARM_UP) continue;
      changed[index]?.push(change);
      idle[index]?.push(none);
    }
  }
  return worlds.map((_, index) => ({ changed: changed[index] ?? [], idle: idle[index] ?? [] }));
}

async function verifyServing(world: World, endpoints: number): Promise<void> {
  for (const servers of await world.shown()) {
    const serving = servers.filter(({ ready, weight }) => ready && weight > 0);
    const places = new Set(serving.map(({ address, port }) => `${address}:${port}`));
    verify(
      places.size === endpoints && serving.length === endpoints && !places.has('0.0.0.0:80'),
      `every instance serves the ${endpoints} endpoints, each in one slot`,
    );
  }
}

function rowsOf(
  count: number,
  store: 'S3' | 'memory',
  changed: readonly PassDone[],
  idle: readonly PassDone[],
): Row[] {
  const each = (passes: readonly PassDone[], name: 'cpuMs' | 'runtimeBytes' | 'storeBytes') =>
    median(passes.map((pass) => pass[name] / count));
  const of = (passes: readonly PassDone[], name: 'wallMs' | 'gets' | 'puts' | 'peakMb') =>
    median(passes.map((pass) => pass[name]));
  verify(
    [...changed, ...idle].every(({ converged }) => converged === count),
    'every instance converged in every pass',
  );
  const where = `${count} instances, store ${store === 'S3' ? 'S3 over HTTP' : 'in memory'}`;
  const bars = store === 'S3';
  return [
    {
      what: `${where}: one change, processor time each`,
      value: each(changed, 'cpuMs'),
      unit: 'ms',
      ...(bars ? { bar: { atMost: 3 } } : {}),
      note: `wall ${of(changed, 'wallMs').toFixed(0)} ms in all; each ${kb(each(changed, 'runtimeBytes'))} kB with HAProxy, ${kb(each(changed, 'storeBytes'))} kB with the store; ${of(changed, 'gets')} objects read, ${of(changed, 'puts')} written`,
    },
    {
      what: `${where}: nothing to do, processor time each`,
      value: each(idle, 'cpuMs'),
      unit: 'ms',
      ...(bars ? { bar: { atMost: 1.5 } } : {}),
      note: `wall ${of(idle, 'wallMs').toFixed(0)} ms in all; each ${kb(each(idle, 'runtimeBytes'))} kB with HAProxy; ${of(idle, 'gets')} objects read`,
    },
    ...(bars
      ? ([
          {
            what: `${where}: nothing to do, objects written`,
            value: Math.max(...idle.map(({ puts }) => puts)),
            unit: 'objects',
            bar: { atMost: 0 },
          },
          {
            what: `${where}: memory of the process at most`,
            value: Math.max(...[...changed, ...idle].map(({ peakMb }) => peakMb)),
            unit: 'MB',
            ...(count === 500 ? { bar: { atMost: MEMORY_MB } } : {}),
          },
        ] satisfies Row[])
      : []),
  ];
}

function kb(bytes: number): string {
  return (bytes / 1_000).toFixed(1);
}

export interface InstanceCost {
  /** Processor time of one instance's share of a pass that changes something. */
  readonly changedMs: number;
  readonly idleMs: number;
}

/** What an invocation over `count` simulated instances, with S3 over HTTP, costs for each of them. */
export function instanceCost(count: number, rounds: number): Promise<InstanceCost> {
  const behaviours = Array.from({ length: count }, (): Behaviour => 'good');
  return withFleet({ behaviours, store: 'S3' }, async (world) => {
    const { changed, idle } = await measure(world, rounds);
    const each = (passes: readonly PassDone[]) => median(passes.map(({ cpuMs }) => cpuMs / count));
    return { changedMs: each(changed), idleMs: each(idle) };
  });
}
