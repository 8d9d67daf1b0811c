/** Writing what hosts and people read beside the slot table: the rendered configuration, and every generation. */

import type { Fleet } from '../model/fleet.ts';
import type { SlotTable } from '../model/slot-table.ts';
import type { RenderedConfiguration } from '../render/configuration.ts';
import { decodeCurrentConfiguration, encodeCurrentConfiguration } from '../store/current-document.ts';
import {
  configurationKey,
  currentConfigurationKey,
  generationConfigurationKey,
  generationSlotTableKey,
} from '../store/keys.ts';
import { encodeSlotTable } from '../store/slot-table-document.ts';
import type { SyncPorts } from './ports.ts';

/**
 * Brings the fleet's objects to `table`, unless somebody already brought them further. Says whether anything was
 * written; a converged fleet costs two reads.
 *
 * Writers can overtake each other here, for only the table itself is decided by one conditional write. So every
 * object is written on the condition that it is what was read; `haproxy.cfg` is always compared with what it should
 * be; and a host trusts it only if its digest is the one in `current.json`. What a killed or overtaken writer left
 * behind, the next pass puts right.
 *
 * @throws StoreFailed, DocumentInvalid
 */
export async function publish(
  ports: Pick<SyncPorts, 'store' | 'log'>,
  fleet: Fleet,
  table: SlotTable,
  configuration: RenderedConfiguration | null,
): Promise<boolean> {
  const { store, log } = ports;
  const currentKey = currentConfigurationKey(fleet.name);
  if (configuration === null) {
    const kept = await store.get(generationSlotTableKey(fleet.name, table.generation));
    return kept === null && keepGeneration(ports, fleet, table, null);
  }
  const [storedCurrent, storedFile] = await Promise.all([
    store.get(currentKey),
    store.get(configurationKey(fleet.name)),
  ]);
  const current = storedCurrent === null ? null : decodeCurrentConfiguration(currentKey, storedCurrent.body);
  if (current !== null && current.generation > table.generation) return false;

  const { text, digests } = configuration;
  const wanted = encodeCurrentConfiguration({ version: 1, generation: table.generation, ...digests });
  if (storedCurrent?.body === wanted && storedFile?.body === text) return false;
  await keepGeneration(ports, fleet, table, text);
  if (storedFile?.body !== text) {
    const put = await store.putIf(configurationKey(fleet.name), text, storedFile?.etag ?? null);
    if (put === 'lost-race') return false;
  }
  if (storedCurrent?.body !== wanted) await store.putIf(currentKey, wanted, storedCurrent?.etag ?? null);
  const { sha256, structure } = digests;
  log({
    event: 'configuration_published',
    level: 'info',
    fleet: fleet.name,
    generation: table.generation,
    sha256,
    structure,
  });
  return true;
}

/** A generation is written once; that it exists already is as good. */
async function keepGeneration(
  { store }: Pick<SyncPorts, 'store'>,
  fleet: Fleet,
  table: SlotTable,
  text: string | null,
): Promise<boolean> {
  const puts = [
    store.putIf(generationSlotTableKey(fleet.name, table.generation), encodeSlotTable(table), null),
  ];
  if (text !== null)
    puts.push(store.putIf(generationConfigurationKey(fleet.name, table.generation), text, null));
  return (await Promise.all(puts)).some((put) => put !== 'lost-race');
}
