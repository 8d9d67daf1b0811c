/** First contact with load balancers that already serve: asking them, in listed order, who is in which slot. */

import pLimit from 'p-limit';
import type { Endpoint } from '../model/endpoint.ts';
import type { BackendPolicy, Fleet } from '../model/fleet.ts';
import type { ObservedServer } from '../model/observed.ts';
import type { Reading } from '../model/service-entry.ts';
import { adoptableSlots } from '../slots/adopt.ts';
import { findInstances } from './find-instances.ts';
import type { SyncPorts } from './ports.ts';

/** Connections at the same time. */
const AT_ONCE = 50;
/** Nobody else is served while an instance that does not answer is waited for. */
const MOST_MS = 1_000;

export type Adopted = ReadonlyMap<string, ReadonlyMap<number, Endpoint>>;

/**
 * For each backend that is new to the table: the slots of the first instance that is reachable and serves any of its
 * endpoints, or else of the first that serves anybody. A backend that nobody serves is absent from the answer.
 */
export async function adopt(
  ports: SyncPorts,
  fleet: Fleet,
  fresh: readonly BackendPolicy[],
  readings: ReadonlyMap<string, Reading>,
): Promise<Adopted> {
  const adopted = new Map<string, ReadonlyMap<number, Endpoint>>();
  if (fresh.length === 0) return adopted;
  const { fleet: whole } = await findInstances(ports, fleet, { write: false });
  const limit = pLimit(AT_ONCE);
  const observed = await Promise.all(
    whole.instances.map(({ address }) => limit(() => serversOf(ports, fleet, address))),
  );
  for (const { backend, server } of fresh) {
    const endpoints = readings.get(backend)?.endpoints ?? [];
    const candidates = observed.flatMap((servers) => {
      const own = servers.filter((seen) => seen.backend === backend);
      return adoptableSlots(own, server, endpoints) ?? [];
    });
    const chosen = candidates.find((candidate) => candidate.servesAny) ?? candidates[0];
    if (chosen !== undefined) adopted.set(backend, chosen.slots);
  }
  return adopted;
}

/** Nothing when the instance cannot be asked: its own report will say why. */
async function serversOf(
  { openSession }: SyncPorts,
  fleet: Fleet,
  address: Fleet['instances'][number]['address'],
): Promise<readonly ObservedServer[]> {
  const signal = AbortSignal.timeout(Math.min(fleet.timeoutMs, MOST_MS));
  try {
    const session = await openSession(address, { tls: fleet.tls, signal });
    try {
      return (await session.readServers()).servers;
    } finally {
      await session.close();
    }
  } catch {
    return [];
  }
}
