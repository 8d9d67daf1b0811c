/**
 * The child that does the passes: what one warm worker invocation does with a fleet, and what it costs in wall time,
 * processor time, bytes and memory. Its store is in memory, or S3 over HTTP.
 */

import { subscribe } from 'node:diagnostics_channel';
import { Socket } from 'node:net';
import { S3Client } from '@aws-sdk/client-s3';
import type { Fleet } from '../../../lib/model/fleet.ts';
import type { ServiceEntry } from '../../../lib/model/service-entry.ts';
import { openSession } from '../../../lib/runtime-api/connect.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';
import { createS3Store } from '../../../lib/store/s3-store.ts';
import { passFleet } from '../../../lib/sync/pass.ts';
import { policy } from '../../slots/records.ts';
import { answerParent } from '../child.ts';
import { createMemoryStore } from '../memory-store.ts';
import { invocationRequest, type PassDone } from './messages.ts';

/** Connections of this process, with the bytes that earlier passes sent over them. */
const connections = new Map<Socket, number>();
subscribe('net.client.socket', (message) => {
  if (typeof message !== 'object' || message === null || !('socket' in message)) return;
  if (message.socket instanceof Socket) connections.set(message.socket, 0);
});

/** Over Runtime APIs and to the store, since the last call. */
function bytesSince(storePort: string): { readonly runtime: number; readonly store: number } {
  const bytes = { runtime: 0, store: 0 };
  for (const [socket, before] of connections) {
    const now = socket.bytesRead + socket.bytesWritten;
    bytes[String(socket.remotePort) === storePort ? 'store' : 'runtime'] += now - before;
    if (socket.destroyed) connections.delete(socket);
    else connections.set(socket, now);
  }
  return bytes;
}

interface World {
  readonly fleet: Fleet;
  readonly store: ObjectStore;
  readonly counts: { gets: number; puts: number };
  readonly storePort: string;
}

let world: World | undefined;
let nowMs = Date.UTC(2026, 0, 1);

answerParent(invocationRequest, async (asked) => {
  if (asked.do === 'pass') {
    if (world === undefined) throw new RangeError('not started');
    return pass(world, asked.endpoints);
  }
  const { ports, slots, s3, timeoutMs } = asked;
  const counts = { gets: 0, puts: 0 };
  const plain =
    s3 === null
      ? createMemoryStore()
      : createS3Store(new S3Client({ endpoint: s3.endpoint, forcePathStyle: true }), {
          bucket: s3.bucket,
          prefix: 'bench',
        });
  world = {
    fleet: fleetOf(ports, slots, timeoutMs),
    store: counted(plain, counts),
    counts,
    storePort: s3 === null ? '' : new URL(s3.endpoint).port,
  };
  return null;
});

function fleetOf(ports: readonly number[], slots: number, timeoutMs: number): Fleet {
  return {
    ...{
      name: 'edge',
      instancesFrom: null,
      tls: {},
      snapshotEveryMs: 900_000,
      reportEveryMs: 0,
      shard: 50,
      timeoutMs,
      template: null,
    },
    instances: ports.map((port, index) => ({
      name: `lb${index + 1}`,
      address: { scheme: 'tcp', host: '127.0.0.1', port },
    })),
    backends: [policy({ slots })],
  };
}

function counted(store: ObjectStore, counts: { gets: number; puts: number }): ObjectStore {
  return {
    get(key) {
      counts.gets += 1;
      return store.get(key);
    },
    put(key, body) {
      counts.puts += 1;
      return store.put(key, body);
    },
    putIf(key, body, expected) {
      counts.puts += 1;
      return store.putIf(key, body, expected);
    },
  };
}

/** One pass over the whole fleet, ten seconds after the one before, with `endpoints` registered. */
async function pass({ fleet, store, counts, storePort }: World, endpoints: number): Promise<PassDone> {
  nowMs += 10_000;
  const entries = Array.from({ length: endpoints }, (_, index) => entry(index + 1));
  const appliedMs: Record<string, number> = {};
  const before = { ...counts };
  bytesSince(storePort);
  const startedMs = performance.now();
  const cpu = process.cpuUsage();
  const ports = {
    store,
    readService: async () => ({ entries }),
    openSession,
    now: () => nowMs,
    log: (event: { readonly event: string; readonly [fact: string]: unknown }) => {
      if (event.event === 'instance_applied')
        appliedMs[String(event.instance)] = performance.now() - startedMs;
    },
  };
  const options = { entries: new Map(), receivedAtMs: nowMs, snapshots: 'when-due' } as const;
  const { applied } = await passFleet(ports, fleet, options);
  const used = process.cpuUsage(cpu);
  const wallMs = performance.now() - startedMs;
  const { runtime, store: toStore } = bytesSince(storePort);
  return {
    wallMs,
    cpuMs: (used.user + used.system) / 1_000,
    runtimeBytes: runtime,
    storeBytes: toStore,
    gets: counts.gets - before.gets,
    puts: counts.puts - before.puts,
    peakMb: process.resourceUsage().maxRSS / 1_024,
    converged: applied.filter(({ report }) => report.converged).length,
    appliedMs,
  };
}

function entry(number: number): ServiceEntry {
  const address = `10.0.${Math.floor(number / 250)}.${1 + (number % 250)}`;
  return { address, port: 8080, tags: [], status: 'passing', weights: { passing: 1, warning: 1 } };
}
