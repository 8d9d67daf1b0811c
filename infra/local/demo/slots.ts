/** What is in which slot: on the running load balancers, and on one that starts from the published file. */

import type { ObservedServer } from '../../../lib/model/observed.ts';
import { openSession } from '../../../lib/runtime-api/connect.ts';
import { decodeCurrentConfiguration } from '../../../lib/store/current-document.ts';
import { configurationKey, currentConfigurationKey } from '../../../lib/store/keys.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';
import { type LocalHaproxy, startHaproxy } from '../haproxy.ts';
import { BACKEND, FLEET } from '../system/configuration.ts';

const READ_MS = 10_000;

/** The backend's servers as `show servers state` has them, in slot order. */
export async function serversOf({ socket }: LocalHaproxy): Promise<readonly ObservedServer[]> {
  const signal = AbortSignal.timeout(READ_MS);
  const session = await openSession({ scheme: 'unix', path: socket }, { tls: {}, signal });
  try {
    return (await session.readServers(BACKEND)).servers;
  } finally {
    await session.close();
  }
}

export async function pidOf({ socket }: LocalHaproxy): Promise<number> {
  const signal = AbortSignal.timeout(READ_MS);
  const session = await openSession({ scheme: 'unix', path: socket }, { tls: {}, signal });
  try {
    return (await session.readInfo()).pid;
  } finally {
    await session.close();
  }
}

export function isInRotation({ admin, weight }: ObservedServer): boolean {
  return admin === 'ready' && weight > 0;
}

/** The first slot in which two lists differ, in words; null when they are equal in addr, port, state and weight; a parked one has none. */
export function firstDifference(
  one: readonly ObservedServer[],
  other: readonly ObservedServer[],
): string | null {
  const left = one.map(describe);
  const right = other.map(describe);
  for (let slot = 0; slot < Math.max(left.length, right.length); slot += 1) {
    if (left[slot] !== right[slot]) return `${left[slot] ?? 'no slot'} / ${right[slot] ?? 'no slot'}`;
  }
  return null;
}

function describe({ server, address, port, admin, weight }: ObservedServer): string {
  // A parked server stays at weight 0, our mark; the file gives it its real weight.
  const parked = admin === 'maint' && address === '0.0.0.0';
  return `${server} ${address}:${port} ${admin}${parked ? '' : ` weight ${weight}`}`;
}

export interface PublishedFile {
  readonly generation: number;
  /** Of an HAProxy that started from it. */
  readonly servers: readonly ObservedServer[];
}

/**
 * Starts an HAProxy of its own from the configuration in the store, reads its slots, and stops it.
 *
 * @throws Error when nothing is published, or HAProxy refuses it.
 */
export async function startFromPublished(store: ObjectStore): Promise<PublishedFile> {
  const key = currentConfigurationKey(FLEET);
  const [file, current] = await Promise.all([store.get(configurationKey(FLEET)), store.get(key)]);
  if (file === null || current === null) throw new Error(`there is no configuration of fleet ${FLEET}`);
  const haproxy = await startHaproxy({ configuration: file.body });
  try {
    const { generation } = decodeCurrentConfiguration(key, current.body);
    return { generation, servers: await serversOf(haproxy) };
  } finally {
    await haproxy.stop();
  }
}
