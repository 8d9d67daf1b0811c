/** What a pass over a shard knows from the store: the table, and the reports. It is read anew when it may be old. */

import type { SlotTable } from '../model/slot-table.ts';
import { slotTableKey } from '../store/keys.ts';
import { decodeSlotTable } from '../store/slot-table-document.ts';
import { ageMs, type Moment, momentNow } from './moment.ts';
import type { SyncPorts } from './ports.ts';
import { recallShard, type Shard, type ShardMemory } from './shard-reports.ts';

/** Before something is sent, the table was read no longer ago than this. */
const KNOWN_MS = 2_000;

/** A table, and when it was the newest there is. */
export interface TableAt {
  readonly table: SlotTable;
  readonly at: Moment;
}

export interface Known extends TableAt {
  readonly memory: ShardMemory;
}

export interface Knowledge {
  /** What was read last. */
  readonly current: () => Promise<Known>;
  /** What may be acted upon now: read anew when it is older than two seconds. */
  readonly recent: () => Promise<Known>;
  /**
   * Read after `moment`, once for all instances that ask at a time. What cannot be read stays as it was; the next pass
   * finds out.
   */
  readonly since: (moment: Moment) => Promise<Known>;
}

type Ports = Pick<SyncPorts, 'store' | 'log' | 'now'>;

/** @param recalling the shard's reports; may have begun before the table was known. */
export function knowledgeOf(
  ports: Ports,
  shard: Shard,
  begin: TableAt,
  recalling: Promise<ShardMemory>,
): Knowledge {
  let latest: Promise<Known> = recalling.then((memory) => ({ ...begin, memory }));
  let reading: { readonly from: Moment; readonly known: Promise<Known> } | null = null;

  const readAnew = async (before: Known): Promise<Known> => {
    const at = momentNow(ports.now);
    const [table, memory] = await Promise.all([readTable(ports, shard), recallShard(ports, shard)]);
    return {
      table: table === null || table.generation < before.table.generation ? before.table : table,
      at,
      memory: memory.known ? memory : before.memory,
    };
  };
  const since = async (moment: Moment): Promise<Known> => {
    if (reading !== null && reading.from.steadyMs >= moment.steadyMs) return reading.known;
    const known = latest.then(readAnew);
    latest = known;
    reading = { from: momentNow(ports.now), known };
    return known;
  };
  return {
    current: () => latest,
    recent: async () => {
      const known = await latest;
      return ageMs(known.at, ports.now) > KNOWN_MS ? since(momentNow(ports.now)) : known;
    },
    since,
  };
}

/** Null: there is none, or it cannot be read now. */
async function readTable({ store, log }: Ports, { fleet: { name } }: Shard): Promise<SlotTable | null> {
  const key = slotTableKey(name);
  try {
    const stored = await store.get(key);
    return stored === null ? null : decodeSlotTable(key, stored.body);
  } catch (failed) {
    log({ event: 'failed', level: 'error', fleet: name, error: String(failed) });
    return null;
  }
}
