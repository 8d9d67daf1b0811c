/** What the passes of a case left in its store. */

import type { InstanceReport } from '../../../lib/model/report.ts';
import { type Slot, slotName, slotsOfBackend } from '../../../lib/model/slot-table.ts';
import { shardReportsKey, slotTableKey } from '../../../lib/store/keys.ts';
import { decodeShardReports } from '../../../lib/store/report-document.ts';
import { decodeSlotTable } from '../../../lib/store/slot-table-document.ts';
import { BACKEND } from './host.ts';
import type { Course } from './world.ts';

/** By the server's name; empty before the first pass. */
export function storedSlots({ store, fleet }: Course): ReadonlyMap<string, Slot> {
  const key = slotTableKey(fleet.name);
  const body = store.read(key);
  if (body === null) return new Map();
  const backend = slotsOfBackend(decodeSlotTable(key, body), BACKEND);
  return new Map(
    (backend?.slots ?? []).map((slot, index) => [slotName(backend ?? { server: '' }, index + 1), slot]),
  );
}

/** Null: none is written yet. */
export function storedReport({ store, fleet }: Course): InstanceReport | null {
  const key = shardReportsKey(fleet.name, 0);
  const body = store.read(key);
  return body === null ? null : (decodeShardReports(key, body).reports[0] ?? null);
}

/** Whether the stored report knows that the slot of this server has been in rotation since its stay began. */
export function isVerified(course: Course, server: string): boolean {
  const slot = storedSlots(course).get(server);
  const report = storedReport(course);
  return slot?.state === 'serving' && report !== null && (report.applied?.generation ?? 0) > 0;
}
