/** A real Consul on a bad day, a real HAProxy under traffic, and passes one after the other that follow what Consul says. */

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach } from 'vitest';
import type { LocalConsul } from '../../infra/local/consul.ts';
import type { ServiceRegistration } from '../../infra/local/consul-types.ts';
import type { LocalHaproxy } from '../../infra/local/haproxy.ts';
import { until } from '../../infra/local/until.ts';
import type { WebServer } from '../../infra/local/web-server.ts';
import { type ConsulReader, createConsulReader } from '../../lib/consul/consul-reader.ts';
import type { BackendPolicy } from '../../lib/model/fleet.ts';
import type { HealthEntry } from '../../lib/model/service-entry.ts';
import type { Slot } from '../../lib/model/slot-table.ts';
import { articleBackend, type BenchFleet, shownBy, startBenchFleet } from './bench-fleet.ts';
import { type Load, startLoad } from './load.ts';

export const SERVICE = 'my-cluster';

const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

/** Ends `one` after the test, in reverse order. */
export function keep<T extends { stop(): Promise<void> }>(one: T): T {
  running.push(one);
  return one;
}

export function registration(
  server: WebServer,
  differs: Partial<ServiceRegistration> = {},
): ServiceRegistration {
  return { id: server.name, name: SERVICE, address: server.address, port: server.port, ...differs };
}

/** One for each agent, as in a function: each keeps its connections, and an agent takes 200 of a client (measured). */
const readers = new WeakMap<LocalConsul, ConsulReader>();

export async function entriesOf(consul: LocalConsul): Promise<readonly HealthEntry[]> {
  const address = { address: consul.url, datacenter: null, tls: {} };
  const reader = readers.get(consul) ?? createConsulReader(address, { timeoutMs: 5_000 });
  readers.set(consul, reader);
  return (await reader.readService(SERVICE)).entries;
}

export interface ConsulDays {
  readonly bench: BenchFleet;
  readonly haproxy: LocalHaproxy;
  /** Whom the passes ask. */
  readonly source: { consul: LocalConsul };
  /** Passes until `count` servers are ready. */
  arrived(count: number): Promise<void>;
  slots(): Promise<readonly Slot[]>;
  follow(): Following;
}

export interface Following {
  /** The fewest servers that the table and HAProxy had, the most that were withheld, and how often Consul failed. */
  readonly seen: { fewest: number; withheld: number; passes: number; failures: number };
  readonly load: Load;
  /** Waits until `count` passes saw what is the case now. */
  passes(count: number): Promise<void>;
  /** Waits until `count` servers are ready and none is withheld. */
  settled(count: number): Promise<void>;
  stop(): Promise<void>;
}

/** A fleet of one HAProxy, with `keep: 50%` and `hold: 60s` unless told, as in hitless.yml. */
export async function startDays(
  consul: LocalConsul,
  policy: Partial<BackendPolicy> = {},
): Promise<ConsulDays> {
  const source = { consul };
  const bench = keep(
    await startBenchFleet({
      haproxies: [{ backend: articleBackend(8) }],
      policy: { slots: 8, keep: 0.5, ...policy },
    }),
  );
  const [haproxy] = bench.haproxies;
  if (haproxy === undefined) throw new Error('no HAProxy');
  Object.assign(bench.ports, { readService: async () => ({ entries: await entriesOf(source.consul) }) });
  const slots = async () => (await bench.table()).backends.be_template?.slots ?? [];
  return {
    bench,
    haproxy,
    source,
    slots,
    async arrived(count) {
      const pass = async () => {
        await bench.pass();
        return ready(await slots()) === count;
      };
      await until(pass, { what: `${count} servers to arrive`, within: 60_000 });
    },
    follow: () => keep(follow(bench, haproxy, slots)),
  };
}

export function ready(slots: readonly Slot[]): number {
  return slots.filter((slot) => slot.state === 'serving').length;
}

export function isWithheld(slot: Slot): boolean {
  return slot.state === 'serving' && slot.withheld !== null;
}

function follow(bench: BenchFleet, haproxy: LocalHaproxy, slotsOf: ConsulDays['slots']): Following {
  const load = startLoad(haproxy.url, 4);
  const seen = { fewest: Number.POSITIVE_INFINITY, passes: 0, withheld: 0, failures: 0 };
  const story: string[] = [];
  let following = true;
  const loop = (async () => {
    while (following) {
      const { consulFailures } = await bench.pass();
      const slots = await slotsOf();
      const inRotation = (await shownBy(haproxy)).filter((line) => line.includes(' ready '));
      seen.fewest = Math.min(seen.fewest, ready(slots), inRotation.length);
      seen.withheld = Math.max(seen.withheld, slots.filter(isWithheld).length);
      seen.failures += consulFailures.length;
      seen.passes += 1;
      const now = [...consulFailures.map(({ error }) => error), ...slots.map(told)].join(', ');
      if (now !== story.at(-1)) story.push(now);
      await sleep(10);
    }
  })();
  // A pass that throws ends whatever waits for the next one.
  const orEnd = async (wait: Promise<unknown>) => {
    await Promise.race([wait, loop]).catch((cause: unknown) => {
      throw new Error(`the passes saw:\n${story.slice(-20).join('\n')}`, { cause });
    });
  };
  return {
    seen,
    load,
    passes(count) {
      const from = seen.passes;
      return orEnd(until(() => seen.passes > from + count, { what: `${count} passes`, within: 60_000 }));
    },
    settled(count) {
      const isSettled = async () => {
        const slots = await slotsOf();
        return ready(slots) === count && !slots.some(isWithheld);
      };
      const what = `${count} servers to be ready, and nothing to be withheld any more`;
      return orEnd(until(isSettled, { what, within: 60_000 }));
    },
    async stop() {
      following = false;
      await loop;
      await load.stop();
    },
  };
}

function told(slot: Slot): string {
  return slot.state === 'serving' && slot.withheld !== null ? slot.withheld.reason : slot.state;
}
