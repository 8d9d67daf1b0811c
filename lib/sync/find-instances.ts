/**
 * Whom a fleet consists of: the instances that hitless.yml lists, and then those that are registered in Consul.
 *
 * What Consul answered is kept in the store (`fleets/FLEET/instances.json`), in an order that changes as little as
 * possible. So everybody cuts the same shards from it, a shard's own message needs no Consul, and a Consul that is away
 * or lies takes no load balancer away. It is written when it changed: in a steady state, never.
 */

import pLimit from 'p-limit';
import { type FoundInstances, readInstances } from '../consul/instances.ts';
import { type Fleet, type InstancesFrom, placeOf } from '../model/fleet.ts';
import { type InstanceRefusal, instanceAt, type KnownInstances } from '../model/found-instance.ts';
import type { HealthEntry } from '../model/service-entry.ts';
import { DocumentInvalid } from '../store/document-invalid.ts';
import { decodeKnownInstances, encodeKnownInstances } from '../store/instances-document.ts';
import { knownInstancesKey } from '../store/keys.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { nextKnown } from './known-instances.ts';
import type { SyncPorts } from './ports.ts';
import type { ConsulFailure } from './read-endpoints.ts';
import { readReport } from './shard-reports.ts';

/** Somebody else writing this often between two of our reads is not a race any more. */
const MOST_RACES = 20;
/** Reports that are read at the same time. */
const AT_ONCE = 50;

export interface WholeFleet {
  /** With all of its instances; `instancesFrom` is null. */
  readonly fleet: Fleet;
  /** Registrations that cannot be instances; the first 20. */
  readonly refused: readonly InstanceRefusal[];
  /** How many more. Absent: none. */
  readonly refusedMore?: number;
  /** At most one; none when Consul answered, or was not asked. */
  readonly consulFailures: readonly ConsulFailure[];
}

/**
 * Asks Consul, unless the fleet lists all of its instances. Where Consul cannot be read, those that are known stay.
 *
 * @param write false: only look, and leave the store as it is.
 * @throws StoreFailed when the store cannot be read. What cannot be written is logged, and the next pass writes it.
 */
export async function findInstances(
  ports: SyncPorts,
  fleet: Fleet,
  { write }: { readonly write: boolean },
): Promise<WholeFleet> {
  const from = fleet.instancesFrom;
  if (from === null) return whole(fleet, null);
  const asking = askConsul(ports, fleet, from);
  for (let race = 0; race < MOST_RACES; race += 1) {
    const { known, etag } = await readKnown(ports, fleet);
    const entries = await asking;
    if ('error' in entries) return { ...whole(fleet, known), consulFailures: [entries] };
    const found = readInstances(entries, from, fleet.instances);
    const silent = await silentOf(ports, fleet, known, found);
    const at = { fleet: fleet.name, service: from.service, nowMs: ports.now(), silent };
    const next = nextKnown(known, found, at);
    if (next === known || !write) return whole(fleet, next);
    if ((await keep(ports, fleet, next, etag)) === 'lost-race') continue;
    tell(ports, fleet, known, next);
    return whole(fleet, next);
  }
  throw new Error(`fleet ${fleet.name}: lost the race for its instances ${MOST_RACES} times; try again`);
}

/**
 * As the last pass found them; asks only the store.
 *
 * @throws StoreFailed, DocumentInvalid
 */
export async function recallInstances(store: ObjectStore, fleet: Fleet): Promise<WholeFleet> {
  if (fleet.instancesFrom === null) return whole(fleet, null);
  const key = knownInstancesKey(fleet.name);
  const stored = await store.get(key);
  return whole(fleet, stored === null ? null : decodeKnownInstances(key, stored.body));
}

/** Whoever has the name or the address of a listed instance by now is that one. */
function whole(fleet: Fleet, known: KnownInstances | null): WholeFleet {
  const { instancesFrom: from, instances: listed } = fleet;
  if (from === null || known?.service !== from.service) {
    return { fleet: { ...fleet, instancesFrom: null }, refused: [], consulFailures: [] };
  }
  const names = new Set(listed.map(({ name }) => name));
  const places = new Set(listed.map(({ address }) => placeOf(address)));
  const found = known.instances
    .map((one) => instanceAt(one, from))
    .filter(({ name, address }) => !names.has(name) && !places.has(placeOf(address)));
  return {
    fleet: { ...fleet, instances: [...listed, ...found], instancesFrom: null },
    refused: known.refused,
    ...(known.refusedMore !== undefined && { refusedMore: known.refusedMore }),
    consulFailures: [],
  };
}

/** As results have it. */
export function moreRefused({ refusedMore }: Pick<WholeFleet, 'refusedMore'>): {
  readonly refusedInstancesMore?: number;
} {
  return refusedMore === undefined ? {} : { refusedInstancesMore: refusedMore };
}

async function askConsul(
  { readService }: SyncPorts,
  { answerBytes }: Fleet,
  { service }: InstancesFrom,
): Promise<readonly HealthEntry[] | ConsulFailure> {
  try {
    const { entries } = await readService(service, { mostBytes: answerBytes });
    // Without names, each address is a registration of its own.
    return entries.map((entry) => ({ node: entry.address, id: `${entry.port}`, ...entry }));
  } catch (failed) {
    const error = failed instanceof Error ? failed.message : String(failed);
    return { service, error, usedEvent: false };
  }
}

/** What is no such document any more is made anew from Consul. */
async function readKnown({ store, log }: SyncPorts, fleet: Fleet) {
  const key = knownInstancesKey(fleet.name);
  const stored = await store.get(key);
  if (stored === null) return { known: null, etag: null };
  try {
    return { known: decodeKnownInstances(key, stored.body), etag: stored.etag };
  } catch (failed) {
    if (!(failed instanceof DocumentInvalid)) throw failed;
    log({ event: 'failed', level: 'error', fleet: fleet.name, error: failed.message });
    return { known: null, etag: stored.etag };
  }
}

/** Of those that Consul misses, and missed before: who did not answer last time. Never throws. */
async function silentOf(
  { store }: SyncPorts,
  fleet: Fleet,
  known: KnownInstances | null,
  { instances }: FoundInstances,
): Promise<ReadonlySet<string>> {
  const found = new Set(instances.map(({ name }) => name));
  const missed = (known?.instances ?? []).filter(
    ({ name, missedSinceMs }) => missedSinceMs !== null && !found.has(name),
  );
  const limit = pLimit(AT_ONCE);
  const silent = await Promise.all(
    missed.map(({ name }) =>
      limit(async () => {
        const report = await readReport(store, { fleet }, name).catch(() => null);
        return report !== null && report.pid === null ? [name] : [];
      }),
    ),
  );
  return new Set(silent.flat());
}

async function keep({ store, log }: SyncPorts, fleet: Fleet, next: KnownInstances, etag: string | null) {
  try {
    return await store.putIf(knownInstancesKey(fleet.name), encodeKnownInstances(next), etag);
  } catch (failed) {
    log({ event: 'failed', level: 'error', fleet: fleet.name, error: String(failed) });
    return null;
  }
}

function tell({ log }: SyncPorts, fleet: Fleet, known: KnownInstances | null, next: KnownInstances): void {
  const without = (all: KnownInstances | null, others: KnownInstances | null) => {
    const names = new Set(others?.instances.map(({ name }) => name));
    return (all?.instances ?? []).filter(({ name }) => !names.has(name));
  };
  const at = { level: 'info', fleet: fleet.name } as const;
  for (const { name } of without(next, known)) log({ event: 'instance_found', ...at, instance: name });
  for (const { name } of without(known, next)) log({ event: 'instance_forgotten', ...at, instance: name });
  for (const { name, address, port, reason } of next.refused) {
    log({
      ...{ event: 'instance_refused', level: 'warn', fleet: fleet.name },
      ...{ instance: name, address, port, reason },
    });
  }
  if (next.refusedMore !== undefined) {
    log({ event: 'instance_refused', level: 'warn', fleet: fleet.name, more: next.refusedMore });
  }
}
