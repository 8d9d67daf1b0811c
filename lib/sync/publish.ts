/** Writing what hosts and people read beside the slot table: the rendered configuration, and every generation. */

import { createHash } from 'node:crypto';
import type { Fleet } from '../model/fleet.ts';
import type { SlotTable } from '../model/slot-table.ts';
import { type RenderedConfiguration, renderConfiguration } from '../render/configuration.ts';
import { decodeCurrentConfiguration, encodeCurrentConfiguration } from '../store/current-document.ts';
import { DocumentInvalid } from '../store/document-invalid.ts';
import { GENERATIONS_KEPT, GENERATIONS_KEPT_DAYS } from '../store/generations.ts';
import {
  configurationKey,
  currentConfigurationKey,
  generationConfigurationKey,
  generationSlotTableKey,
  generationsFolder,
} from '../store/keys.ts';
import type { StoredObject } from '../store/object-store.ts';
import { decodeSlotTable, encodeSlotTable } from '../store/slot-table-document.ts';
import { isBehind, newestGeneration } from './newest-generation.ts';
import type { SyncPorts } from './ports.ts';

/** Whoever writes more often between two of our reads does our work, too. */
const MOST_RACES = 5;
/** Removed by one pass, so that no pass takes long over them; each one adds one. */
const MOST_REMOVED = 20;

/** A table as it is in the store, and what stands beside it. */
export interface ToPublish {
  readonly table: SlotTable;
  /** The object's body. */
  readonly text: string;
  /** Null: the fleet has no template. */
  readonly configuration: RenderedConfiguration | null;
  /** What the table replaced just now; null: nothing, it was there already or is the first one. */
  readonly previous: { readonly table: SlotTable; readonly text: string } | null;
}

/**
 * `overtaken`: somebody published a newer table, and brings the files to that. A number: the table is the newest that
 * there is, and yet something has this generation above it, so it must be counted on from there.
 */
export type Publication = 'written' | 'unchanged' | 'overtaken' | number;

type Ports = Pick<SyncPorts, 'store' | 'log'>;

/**
 * Brings the fleet's objects to the table. A converged fleet costs two reads, or one without a template.
 *
 * Writers can overtake each other here, for only the table itself is decided by one conditional write. So every
 * object is written on the condition that it is what was read, and read again when it is not any more; what is newer
 * than our table is left alone only when the stored table is newer, too; `haproxy.cfg` is always compared with what it
 * should be; and a host trusts it only if its digest is the one in `current.json`. What a killed or overtaken writer
 * left behind, the next pass puts right.
 *
 * @param reported the newest generation in the instances' reports, as far as they were read anyway.
 * @throws StoreFailed, DocumentInvalid
 */
export async function publish(
  ports: Ports,
  fleet: Fleet,
  toPublish: ToPublish,
  reported = 0,
): Promise<Publication> {
  const { table, previous } = toPublish;
  if (reported > table.generation && (await isBehind(ports.store, fleet, table.generation))) return reported;
  const beside = previous === null ? null : await orFailure(keepPrevious(ports, fleet, previous));
  const publication = await publishFiles(ports, fleet, toPublish);
  if (publication === 'written' && previous !== null) {
    await ports.store.expire?.(generationsFolder(fleet.name), {
      days: GENERATIONS_KEPT_DAYS,
      keep: GENERATIONS_KEPT,
      most: MOST_REMOVED,
    });
  }
  if (beside !== null) throw beside;
  return publication;
}

async function publishFiles(ports: Ports, fleet: Fleet, toPublish: ToPublish): Promise<Publication> {
  const { configuration } = toPublish;
  if (configuration === null) return keepGeneration(ports, fleet, toPublish);
  for (let race = 0; race < MOST_RACES; race += 1) {
    const publication = await publishOnce(ports, fleet, toPublish, configuration);
    if (publication !== 'lost-race') return publication;
  }
  return 'overtaken';
}

async function publishOnce(
  ports: Ports,
  fleet: Fleet,
  toPublish: ToPublish,
  { text, digests }: RenderedConfiguration,
): Promise<Publication | 'lost-race'> {
  const { store, log } = ports;
  const { generation } = toPublish.table;
  const currentKey = currentConfigurationKey(fleet.name);
  const fileKey = configurationKey(fleet.name);
  const [storedCurrent, storedFile] = await Promise.all([store.get(currentKey), store.get(fileKey)]);
  const newer = generationOf(currentKey, storedCurrent);
  if (newer > generation) return (await isBehind(store, fleet, generation)) ? newer : 'overtaken';

  const wanted = encodeCurrentConfiguration({ version: 1, generation, ...digests });
  if (storedCurrent?.body === wanted && storedFile?.body === text) return 'unchanged';
  const kept = await keepGeneration(ports, fleet, toPublish);
  if (typeof kept === 'number' || kept === 'overtaken') return kept;
  if (storedFile?.body !== text) {
    const put = await store.putIf(fileKey, text, storedFile?.etag ?? null);
    if (put === 'lost-race') return put;
  }
  if (storedCurrent?.body !== wanted) {
    const put = await store.putIf(currentKey, wanted, storedCurrent?.etag ?? null);
    if (put === 'lost-race') return put;
  }
  log({ event: 'configuration_published', level: 'info', fleet: fleet.name, generation, ...digests });
  return 'written';
}

function generationOf(key: string, current: StoredObject | null): number {
  return current === null ? 0 : decodeCurrentConfiguration(key, current.body).generation;
}

/**
 * A generation is written once. When it exists already it must be this very table: a number that another one has used
 * is not used again.
 */
async function keepGeneration(
  { store }: Ports,
  fleet: Fleet,
  { table, text, configuration }: ToPublish,
): Promise<Publication> {
  const { generation } = table;
  const key = generationSlotTableKey(fleet.name, generation);
  const before = configuration === null ? await store.get(key) : null;
  const puts = [before === null ? store.putIf(key, text, null) : 'lost-race'];
  if (configuration !== null) {
    puts.push(store.putIf(generationConfigurationKey(fleet.name, generation), configuration.text, null));
  }
  const [ofTable, ofConfiguration] = await Promise.all(puts);
  if (ofTable !== 'lost-race') return 'written';
  const kept = before ?? (await store.get(key));
  if (kept === null || isSame(key, kept.body, { table, text })) {
    return ofConfiguration === undefined || ofConfiguration === 'lost-race' ? 'unchanged' : 'written';
  }
  if (!(await isBehind(store, fleet, generation))) return 'overtaken';
  return Math.max(generation, await newestGeneration(store, fleet));
}

/** Another release may have written the same in other words. */
function isSame(key: string, kept: string, { table, text }: Pick<ToPublish, 'table' | 'text'>): boolean {
  if (kept === text) return true;
  try {
    return encodeSlotTable(decodeSlotTable(key, kept)) === encodeSlotTable(table);
  } catch (error) {
    if (error instanceof DocumentInvalid) return false;
    throw error;
  }
}

/**
 * Whoever replaces a table is the last one who has it: when its generation is missing (its writer was killed, the store
 * was away, it was deleted or has expired while it was the current one) it is written now.
 */
async function keepPrevious(
  { store }: Ports,
  fleet: Fleet,
  { table, text }: { readonly table: SlotTable; readonly text: string },
): Promise<void> {
  const key = generationSlotTableKey(fleet.name, table.generation);
  if ((await store.get(key)) !== null) return;
  const configuration = await configurationOf(store, fleet, table);
  const puts = [store.putIf(key, text, null)];
  if (configuration !== null) {
    puts.push(store.putIf(generationConfigurationKey(fleet.name, table.generation), configuration, null));
  }
  await Promise.all(puts);
}

/** From the file that is still published, or from the template if that is still the same; null: it is lost. */
async function configurationOf(
  store: Ports['store'],
  fleet: Fleet,
  table: SlotTable,
): Promise<string | null> {
  const sha256 = table.configuration?.sha256;
  if (sha256 === undefined) return null;
  const file = (await store.get(configurationKey(fleet.name)))?.body;
  if (file !== undefined && createHash('sha256').update(file).digest('hex') === sha256) return file;
  const rendered = renderConfiguration(fleet, table);
  return rendered?.digests.sha256 === sha256 ? rendered.text : null;
}

async function orFailure(work: Promise<void>): Promise<unknown> {
  return work.then(
    () => null,
    (error: unknown) => error,
  );
}
