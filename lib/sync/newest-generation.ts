/**
 * The newest generation that anything but the slot table knows of.
 *
 * The table alone counts. But it may be gone, deleted because it was damaged, or be an older one that somebody put back:
 * counting on from it would use numbers again that hosts, reports and the kept generations have for something else.
 */

import type { Fleet } from '../model/fleet.ts';
import { MOST_GENERATIONS } from '../model/limits.ts';
import { decodeCurrentConfiguration } from '../store/current-document.ts';
import { DocumentInvalid } from '../store/document-invalid.ts';
import { currentConfigurationKey, generationsFolder, slotTableKey } from '../store/keys.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { decodeSlotTable } from '../store/slot-table-document.ts';
import { recallInstances } from './find-instances.ts';
import { readShard, shardsOf } from './shard-reports.ts';

/**
 * From `current.json`, the kept generations and the shards' reports; 0: there is nothing. A document that is none says
 * nothing. For when there is no table, or it is behind: it reads everything.
 *
 * @throws StoreFailed
 */
export async function newestGeneration(store: ObjectStore, configured: Fleet): Promise<number> {
  const found = await Promise.all([
    orNothing(inCurrent(store, configured)),
    inGenerations(store, configured),
    orNothing(inReports(store, configured)),
  ]);
  return Math.max(...found);
}

/**
 * What to make of a generation above the table's own: either somebody published a newer table meanwhile, or the table
 * is behind. Only the stored table decides that.
 *
 * @throws StoreFailed, DocumentInvalid
 */
export async function isBehind(store: ObjectStore, fleet: Fleet, ours: number): Promise<boolean> {
  const key = slotTableKey(fleet.name);
  const stored = await store.get(key);
  return stored === null || decodeSlotTable(key, stored.body).generation <= ours;
}

async function inCurrent(store: ObjectStore, { name }: Fleet): Promise<number> {
  const key = currentConfigurationKey(name);
  const stored = await store.get(key);
  return stored === null ? 0 : decodeCurrentConfiguration(key, stored.body).generation;
}

async function inGenerations(store: ObjectStore, { name }: Fleet): Promise<number> {
  const names = (await store.list?.(generationsFolder(name))) ?? [];
  return Math.max(
    0,
    ...names.map(Number).filter((number) => Number.isInteger(number) && number < MOST_GENERATIONS),
  );
}

async function inReports(store: ObjectStore, configured: Fleet): Promise<number> {
  const { fleet } = await recallInstances(store, configured);
  const shards = await Promise.all(shardsOf(fleet).map((shard) => readShard(store, shard)));
  const reports = shards.flatMap(({ reports }) => [...reports.values()]);
  return Math.max(0, ...reports.map(({ generation }) => generation));
}

async function orNothing(reading: Promise<number>): Promise<number> {
  return reading.catch((error: unknown) => {
    if (error instanceof DocumentInvalid) return 0;
    throw error;
  });
}
