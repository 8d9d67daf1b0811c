/** A pass over one fleet: assign once, publish, apply to its instances. The whole of what Hitless does. */

import pLimit from 'p-limit';
import type { Fleet } from '../model/fleet.ts';
import type { InstanceRefusal } from '../model/found-instance.ts';
import type { SlotTable } from '../model/slot-table.ts';
import { slotTableKey } from '../store/keys.ts';
import { decodeSlotTable } from '../store/slot-table-document.ts';
import { type Applied, type ApplyOptions, together } from './apply-instance.ts';
import { applyToShard, type RecalledShard } from './apply-shard.ts';
import { proposeTable, publishTable } from './assign-fleet.ts';
import { MOST_OFF_MS, noticeClock } from './clock-notice.ts';
import { findInstances, moreRefused, recallInstances } from './find-instances.ts';
import type { TableAt } from './knowledge.ts';
import { momentNow } from './moment.ts';
import type { SyncPorts } from './ports.ts';
import { publish } from './publish.ts';
import type { ConsulFailure, EntriesByService } from './read-endpoints.ts';
import { recallShard, shardOf, shardsOf } from './shard-reports.ts';
import { inTurn } from './turn.ts';

/** Connections at the same time; an instance that hangs holds one of them for the fleet's `timeout`. */
const AT_ONCE = 200;

export interface PassOptions extends ApplyOptions {
  /** What events carried, by service, for when Consul cannot be read. */
  readonly entries: EntriesByService;
  /**
   * When the oldest of these events came; absent or null: there was none. A function is asked once the store's time is
   * known: who heard the event himself knows how long ago that was, and not yet what the time is.
   */
  readonly receivedAtMs?: number | (() => number) | null;
  /**
   * Has the shards of a fleet of several applied by others, before the files are written: nobody waits for those.
   * What it throws, `passFleet` throws. Absent: every instance is applied to here.
   */
  readonly handOut?: (shards: readonly number[], generation: number) => Promise<void>;
}

export interface PassResult {
  readonly table: SlotTable;
  readonly changed: boolean;
  readonly consulFailures: readonly ConsulFailure[];
  /** Registrations that cannot be instances of the fleet. */
  readonly refusedInstances: readonly InstanceRefusal[];
  /** How many more than `refusedInstances` names. Absent: none. */
  readonly refusedInstancesMore?: number;
  readonly applied: readonly Applied[];
  /** The shards that were handed out; empty when every instance was applied to. */
  readonly shards: readonly number[];
  /** Why the published configuration stays as it is although the fleet has a template; null: it does not. */
  readonly configurationWithheld: string | null;
  /** Why the configuration or a generation could not be written; the next pass writes it. Null: it was. */
  readonly publishFailure: Error | null;
}

/**
 * Where the store has turns, the passes of a fleet are done one after the other.
 *
 * @throws StoreFailed, TurnNotFree, DocumentInvalid, TemplateInvalid, ConsulUnavailable: nothing was done. What goes
 *   wrong with one service, one instance or one object afterwards is in the result.
 */
export async function passFleet(
  ports: SyncPorts,
  configured: Fleet,
  options: PassOptions,
): Promise<PassResult> {
  return inTurn(ports, configured, options.signal, async () => {
    const { above, ...result } = await passOnce(ports, configured, options, 0);
    if (above === 0) return result;
    const { generation } = result.table;
    ports.log({ event: 'table_behind', level: 'warn', fleet: configured.name, generation, above });
    const { above: _, ...again } = await passOnce(ports, configured, options, above);
    const before = new Map(result.applied.map((one) => [one.report.instance, one]));
    const applied = again.applied.map((one) => together(before.get(one.report.instance), one));
    return { ...again, applied };
  });
}

/**
 * @param above the table's generation must be above this one.
 * @returns beside the result `above`: 0, or a generation that something has although the table, which is the newest there
 *   is, has not come to it. Somebody put an older table back, and it must be counted on from there.
 */
async function passOnce(
  ports: SyncPorts,
  loaded: Fleet,
  options: PassOptions,
  above: number,
): Promise<PassResult & { readonly above: number }> {
  const readAt = momentNow(ports.now);
  const stored = await ports.store.get(slotTableKey(loaded.name));
  noticeClock(ports, loaded.name);
  const configured = writtenByNow(loaded, ports.now());
  const { receivedAtMs: received = null } = options;
  const receivedAtMs = typeof received === 'function' ? received() : received;
  const [proposal, whole] = await Promise.all([
    proposeTable(ports, configured, stored, options.entries, receivedAtMs, above),
    findInstances(ports, configured, { write: true }),
  ]);
  const shards = shardsOf(whole.fleet);
  const split = options.handOut !== undefined && shards.length > 1;
  const left = split ? shards.map(({ shard }) => shard) : [];
  // What was reported of the instances is read while the table is written.
  const toApply = split ? [] : shards.map((shard) => ({ shard, recalling: recallShard(ports, shard) }));
  // Before it is written: its answer may take long to come, and by then somebody else may have written the next one.
  const writingAt = momentNow(ports.now);
  const assignment = await publishTable(ports, configured, proposal, options.entries, above);
  const at = assignment.changed ? writingAt : readAt;
  const { table, configurationWithheld, changed } = assignment;
  const { fleet, refused: refusedInstances } = whole;
  const consulFailures = [...assignment.consulFailures, ...whole.consulFailures];
  for (const { service, error, usedEvent } of consulFailures) {
    ports.log({ event: 'consul_unavailable', level: 'error', fleet: fleet.name, service, error, usedEvent });
  }
  if (configurationWithheld !== null) {
    const reason = configurationWithheld;
    ports.log({ event: 'configuration_withheld', level: 'warn', fleet: fleet.name, reason });
  }
  if (split) await options.handOut?.(left, table.generation);
  // The load balancers first: to write objects beside that would make every command wait.
  const first = Promise.withResolvers<void>();
  const hurry = receivedAtMs !== null;
  const applying = applyShards(ports, { table, at }, toApply, {
    ...options,
    hurry,
    onApplied: first.resolve,
  });
  const published = Promise.race([first.promise, applying]).then(async () =>
    publish(ports, fleet, assignment, await newestReported(toApply)),
  );
  const [publication, applied] = await Promise.all([published.catch(asError), applying]);
  const publishFailure = publication instanceof Error ? publication : null;
  if (publishFailure !== null) {
    ports.log({ event: 'failed', level: 'error', fleet: fleet.name, error: publishFailure.message });
  }
  const refused = { refusedInstances, ...moreRefused(whole) };
  const found = { table, changed, consulFailures, ...refused, applied, shards: left };
  const result = { ...found, configurationWithheld, publishFailure };
  return { ...result, above: typeof publication === 'number' ? publication : 0 };
}

/** A file from a machine whose clock is off is no later than one that is written from now on. */
function writtenByNow(fleet: Fleet, nowMs: number): Fleet {
  const { writtenAtMs = 0 } = fleet;
  return writtenAtMs <= nowMs + MOST_OFF_MS ? fleet : { ...fleet, writtenAtMs: Math.floor(nowMs) };
}

/** The highest generation in the last reports; 0: there are none. */
async function newestReported(shards: readonly RecalledShard[]): Promise<number> {
  const generations = shards.map(async ({ shard, recalling }) => {
    const memory = await recalling;
    return shard.instances.map(({ name }) => memory.of(name).report?.generation ?? 0);
  });
  return Math.max(0, ...(await Promise.all(generations)).flat());
}

/**
 * Applies the stored table, which may be newer than the generation that was asked for, to one shard.
 *
 * @param shard counted from 0; one that the fleet does not have applies to nobody.
 * @throws StoreFailed, DocumentInvalid
 */
export async function applyShard(
  ports: SyncPorts,
  fleet: Fleet,
  shard: number,
  options: ApplyOptions,
): Promise<readonly Applied[]> {
  const key = slotTableKey(fleet.name);
  const at = momentNow(ports.now);
  const [stored, whole] = await Promise.all([ports.store.get(key), recallInstances(ports.store, fleet)]);
  if (stored === null) return [];
  const table = decodeSlotTable(key, stored.body);
  const toApply = shardOf(whole.fleet, shard);
  const recalled = [{ shard: toApply, recalling: recallShard(ports, toApply) }];
  return applyShards(ports, { table, at }, recalled, options);
}

/** The shards beside each other, with one limit for all of them. */
async function applyShards(
  ports: SyncPorts,
  begin: TableAt,
  shards: readonly RecalledShard[],
  options: ApplyOptions,
): Promise<readonly Applied[]> {
  const limit = pLimit(AT_ONCE);
  const applied = await Promise.all(shards.map((shard) => applyToShard(ports, begin, shard, limit, options)));
  return applied.flat();
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
