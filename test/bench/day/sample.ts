/**
 * The real passes of a simulated day, on a sample: the fleet's table is assigned and published for all, and a few of the
 * instances of one shard are applied to, over in-process connections to simulated HAProxies. What a pass asks of the
 * store and writes to its log is counted.
 */

import { duplexPair } from 'node:stream';
import type { Fleet } from '../../../lib/model/fleet.ts';
import type { ServiceEntry } from '../../../lib/model/service-entry.ts';
import { InstanceUnreachable } from '../../../lib/runtime-api/errors.ts';
import type { RuntimeSession } from '../../../lib/runtime-api/runtime-session.ts';
import { startSession } from '../../../lib/runtime-api/session.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';
import { applyShard, passFleet } from '../../../lib/sync/pass.ts';
import type { SyncEvent } from '../../../lib/sync/ports.ts';
import { policy } from '../../slots/records.ts';
import { type SimulatedHaproxy, simulatedHaproxy } from '../fleet/simulated-haproxy.ts';
import { createMemoryStore } from '../memory-store.ts';
import { type ShownServer, shownServers } from '../shown-servers.ts';

export interface Counts {
  gets: number;
  puts: number;
  bytesPut: number;
  logBytes: number;
}

/** For everybody in common, and for the instances of the sample. */
export interface Work {
  readonly common: Counts;
  readonly instances: Counts;
  /** Applications to an instance that changed something, and that did not. */
  changed: number;
  idle: number;
  /** Both ways over the Runtime API. */
  runtimeBytes: number;
  cpuMs: number;
}

export interface Sample {
  readonly instances: number;
  nowMs: number;
  readonly endpoints: Set<number>;
  /** Assigns, publishes, and applies to the sample if the fleet is no larger than a shard. */
  pass(): Promise<Work>;
  /** Applies to the sample. */
  apply(): Promise<Work>;
  shown(): readonly (readonly ShownServer[])[];
}

const BACKEND = 'be_template';
const SLOTS = 100;
/** What powertools' logger adds to the facts of a line (measured on 2.35.0: 390 to 430 bytes). */
const LOG_LINE_BYTES = 410;
const TEMPLATE = 'backend be_template\n  balance roundrobin\n  {{ backends_be_template }}\n';

/** @param size instances of the whole fleet. @param shard how many of them one invocation applies to. */
export function startSample(size: number, shard: number, instances: number): Sample {
  const haproxies = Array.from({ length: instances }, (_, index) =>
    simulatedHaproxy(BACKEND, SLOTS, index + 1),
  );
  const sample = new Map(haproxies.map((haproxy, index) => [`/sample/${index}`, haproxy]));
  const split = size > shard;
  const backends = [policy({ slots: SLOTS, drainMs: 30_000 })];
  const fleet: Fleet = {
    ...{
      name: 'edge',
      instancesFrom: null,
      tls: {},
      snapshotEveryMs: 3_600_000,
      reportEveryMs: 0,
      timeoutMs: 5_000,
      shard: instances,
      backends,
    },
    template: { path: 'edge.cfg.j2', text: TEMPLATE },
    // One more than a shard of the sample: then a pass leaves the application to messages.
    instances: Array.from({ length: instances + (split ? 1 : 0) }, (_, index) => ({
      name: `lb${index + 1}`,
      address: { scheme: 'unix', path: `/sample/${index}` },
    })),
  };
  const store = createMemoryStore();
  let work = noWork();
  const ports = {
    store: counting(store, (key) => (key.includes('/instances/') ? work.instances : work.common)),
    readService: async () => ({ entries: [...self.endpoints].map(entry) }),
    openSession: async ({ ...address }: Fleet['instances'][number]['address']) => {
      const haproxy = 'path' in address ? sample.get(address.path) : undefined;
      if (haproxy === undefined) throw new InstanceUnreachable('nowhere', 'it is not of the sample');
      return sessionWith(haproxy, (bytes) => {
        work.runtimeBytes += bytes;
      });
    },
    now: () => self.nowMs,
    log(event: SyncEvent) {
      const counts = 'instance' in event ? work.instances : work.common;
      if (event.level !== 'debug')
        counts.logBytes += LOG_LINE_BYTES + Buffer.byteLength(JSON.stringify(event));
      if (event.event === 'instance_lagging') throw new Error(`an instance lags: ${event.reason}`);
      if (event.event !== 'instance_applied') return;
      if (event.commands === 0) work.idle += 1;
      else work.changed += 1;
    },
  };
  const measured = async (doing: () => Promise<unknown>): Promise<Work> => {
    work = noWork();
    const cpu = process.cpuUsage();
    await doing();
    const used = process.cpuUsage(cpu);
    work.cpuMs = (used.user + used.system) / 1_000;
    return work;
  };
  const self: Sample = {
    instances,
    nowMs: Date.UTC(2026, 0, 1),
    endpoints: new Set(),
    pass: () =>
      measured(() =>
        passFleet(ports, fleet, { entries: new Map(), handOut: async () => {}, snapshots: 'when-due' }),
      ),
    apply: () => measured(() => applyShard(ports, fleet, 0, { snapshots: 'when-due' })),
    shown: () =>
      haproxies.map((one) => shownServers((one.answer('show servers state') ?? '').replace(/\n> $/, ''))),
  };
  return self;
}

export function noWork(): Work {
  const counts = (): Counts => ({ gets: 0, puts: 0, bytesPut: 0, logBytes: 0 });
  return { common: counts(), instances: counts(), changed: 0, idle: 0, runtimeBytes: 0, cpuMs: 0 };
}

function counting(store: ObjectStore, countsFor: (key: string) => Counts): ObjectStore {
  const put = (key: string, body: string) => {
    const counts = countsFor(key);
    counts.puts += 1;
    counts.bytesPut += Buffer.byteLength(body);
  };
  return {
    get(key) {
      countsFor(key).gets += 1;
      return store.get(key);
    },
    put(key, body) {
      put(key, body);
      return store.put(key, body);
    },
    putIf(key, body, expected) {
      put(key, body);
      return store.putIf(key, body, expected);
    },
  };
}

function sessionWith(haproxy: SimulatedHaproxy, count: (bytes: number) => void): Promise<RuntimeSession> {
  const [stream, far] = duplexPair();
  let pending = '';
  far.setEncoding('latin1');
  far.on('error', () => far.destroy());
  far.on('data', (chunk: string) => {
    const lines = (pending + chunk).split('\n');
    pending = lines.pop() ?? '';
    const answers = lines.map((line) => haproxy.answer(line));
    const words = answers.filter((answer) => answer !== null).join('');
    count(chunk.length + words.length);
    if (words !== '') far.write(words);
    if (answers.includes(null)) far.end();
  });
  return startSession(stream, { address: 'sample', signal: new AbortController().signal });
}

function entry(number: number): ServiceEntry {
  const address = `10.${Math.floor(number / 62_500)}.${Math.floor(number / 250) % 250}.${1 + (number % 250)}`;
  return { address, port: 8080, tags: [], status: 'passing', weights: { passing: 1, warning: 1 } };
}
