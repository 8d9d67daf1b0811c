/** A table applied to the instances of one shard, and what was found out about them kept. */

import type { LimitFunction } from 'p-limit';
import type { Fleet } from '../model/fleet.ts';
import type { SlotTable } from '../model/slot-table.ts';
import { slotTableKey } from '../store/keys.ts';
import { decodeSlotTable } from '../store/slot-table-document.ts';
import { type Applied, type ApplyOptions, applyInstance, together } from './apply-instance.ts';
import type { SyncPorts } from './ports.ts';
import { keepReports, recallShard, type Shard, type ShardMemory } from './shard-reports.ts';

/** Whoever publishes more often while we apply finishes the work himself. */
const MOST_TABLES = 3;

export interface RecalledShard {
  readonly shard: Shard;
  /** May have begun before the table was known. */
  readonly recalling: Promise<ShardMemory>;
}

/**
 * Never throws for an instance; the answer has the order of the shard's instances.
 *
 * Somebody else may publish a newer table and apply it while we still send what the older one asks for (a `sync` on
 * the command line beside the worker: the queue itself has one pass of a fleet or shard at a time). So whoever sent
 * something looks at the table again before he ends, and brings his instances to the newer one.
 *
 * @param limit of connections at the same time.
 */
export async function applyToShard(
  ports: SyncPorts,
  table: SlotTable,
  { shard, recalling }: RecalledShard,
  limit: LimitFunction,
  options: ApplyOptions,
): Promise<readonly Applied[]> {
  let applied = await applyOnce(ports, table, { shard, recalling }, limit, options);
  let current = table;
  for (let tables = 1; tables < MOST_TABLES; tables += 1) {
    const sent = applied.some(({ report }) => report.commands > 0);
    const newest = sent && options.signal?.aborted !== true ? await readTable(ports, shard.fleet) : null;
    if (newest === null || newest.generation <= current.generation) break;
    const before = applied;
    const again = { shard, recalling: recallShard(ports, shard) };
    const after = await applyOnce(ports, newest, again, limit, options);
    applied = after.map((later, index) => together(before[index], later));
    current = newest;
  }
  return applied;
}

async function applyOnce(
  ports: SyncPorts,
  table: SlotTable,
  { shard, recalling }: RecalledShard,
  limit: LimitFunction,
  options: ApplyOptions,
): Promise<readonly Applied[]> {
  const { fleet, instances } = shard;
  const applied = await Promise.all(
    instances.map((instance) => {
      const last = recalling.then((memory) => memory.of(instance.name));
      return limit(async () => {
        const one = await applyInstance(ports, fleet, table, instance, last, options);
        options.onApplied?.();
        return one;
      });
    }),
  );
  const reports = applied.map(({ report }) => report);
  await keepReports(ports, shard, await recalling, reports, { all: options.snapshots === 'always' });
  return applied;
}

/** Null: there is none, or it cannot be read now; the next pass finds out. */
async function readTable({ store, log }: SyncPorts, { name }: Fleet): Promise<SlotTable | null> {
  const key = slotTableKey(name);
  try {
    const stored = await store.get(key);
    return stored === null ? null : decodeSlotTable(key, stored.body);
  } catch (failed) {
    log({ event: 'failed', level: 'error', fleet: name, error: String(failed) });
    return null;
  }
}
