/** What the passes of a case left in its store. */

import { endpointKey } from '../../../lib/model/endpoint.ts';
import type { InstanceReport } from '../../../lib/model/report.ts';
import { type Slot, slotName, slotsOfBackend } from '../../../lib/model/slot-table.ts';
import { memoryOf } from '../../../lib/plan/instance-memory.ts';
import { shardReportsKey, slotTableKey } from '../../../lib/store/keys.ts';
import { decodeShardReports } from '../../../lib/store/report-document.ts';
import { decodeSlotTable } from '../../../lib/store/slot-table-document.ts';
import { BACKEND } from './host.ts';
import type { Course } from './world.ts';

/** What was verified is so in whatever process answers. */
const NO_PROCESS = { pid: 0, startedAtSeconds: 0, toleranceSeconds: 0 };

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

/** Whether the stored report knows that the endpoint has been in rotation in this server since its stay began. */
export function isVerified(course: Course, server: string, endpoint: string): boolean {
  const slots = storedSlots(course);
  const slot = slots.get(server);
  if (slot?.state !== 'serving' || endpointKey(slot) !== endpoint) return false;
  const { isVerified: has } = memoryOf(storedReport(course), NO_PROCESS);
  return has(BACKEND, [...slots.keys()].indexOf(server) + 1, slot);
}
