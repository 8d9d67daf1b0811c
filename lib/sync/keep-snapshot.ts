/** An instance's `show servers state` in the store, for whoever starts HAProxy anew, and when it is written. */

import { createHash } from 'node:crypto';
import type { Fleet, Instance } from '../model/fleet.ts';
import type { ObservedServer } from '../model/observed.ts';
import type { Problem } from '../model/plan.ts';
import type { InstanceReport } from '../model/report.ts';
import type { ServersState } from '../runtime-api/runtime-session.ts';
import { stateSnapshotKey } from '../store/keys.ts';
import type { SyncPorts } from './ports.ts';

/** `always`, or `when-due`: when it changed, and at most once in the fleet's `snapshot_every`. */
export type Snapshots = 'always' | 'when-due';

export interface KeptSnapshot {
  readonly kept: InstanceReport['snapshot'];
  readonly problems: readonly Problem[];
}

/**
 * Never throws.
 *
 * @param state null: the instance could not be read, or not to the end.
 */
export async function keepSnapshot(
  ports: SyncPorts,
  fleet: Fleet,
  instance: Instance,
  snapshots: Snapshots,
  memory: InstanceReport | null,
  state: ServersState | null,
): Promise<KeptSnapshot> {
  const last = memory?.snapshot ?? null;
  if (state === null) return { kept: last, problems: [] };
  const nowMs = ports.now();
  // One that a fast clock dates in the future is due.
  const ageMs = last === null ? Number.POSITIVE_INFINITY : nowMs - last.atMs;
  const tooSoon = ageMs >= 0 && ageMs < fleet.snapshotEveryMs;
  if (snapshots === 'when-due' && tooSoon) return { kept: last, problems: [] };
  const digest = digestOf(state.servers);
  if (snapshots === 'when-due' && digest === last?.digest) return { kept: last, problems: [] };
  try {
    await ports.store.put(stateSnapshotKey(fleet.name, instance.name), state.raw);
    return { kept: { digest, atMs: nowMs }, problems: [] };
  } catch (failed) {
    const reason = failed instanceof Error ? failed.message : String(failed);
    return { kept: last, problems: [{ backend: '', slot: null, reason }] };
  }
}

/** Over what an administrator decides: HAProxy's own checks and counters change all the time. */
function digestOf(servers: readonly ObservedServer[]): string {
  const lines = servers.map(
    ({ backend, server, address, port, adminMask, weight }) =>
      `${backend} ${server} ${address} ${port} ${adminMask} ${weight}`,
  );
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}
