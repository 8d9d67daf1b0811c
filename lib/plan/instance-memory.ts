/** What the last report of an instance says to a plan: whose hand was there before. */

import { isSameProcess, type ShownProcess } from '../model/process.ts';
import type { HeldServer, InstanceReport } from '../model/report.ts';
import { slotsIn } from '../model/slot-ranges.ts';
import type { ServingSlot } from '../model/slot-table.ts';

/** A hold that a report names. */
export interface RememberedHold extends HeldServer {
  /** It was seen or restored on the process that answers now: if the server is ready there, somebody ended it. */
  readonly here: boolean;
  /** When a pass first saw it; milliseconds since 1970. Absent: an earlier release did. */
  readonly sinceMs?: number;
}

export interface InstanceMemory {
  readonly held: readonly RememberedHold[];
  /** Whether slot `number` of the backend has been in rotation here since its present stay began. */
  readonly isVerified: (backend: string, number: number, slot: ServingSlot) => boolean;
  /** Servers that this process refused to delete, as `backend/server`. */
  readonly undeletable: ReadonlySet<string>;
}

/**
 * When the reports cannot be read: then nothing is known of earlier holds, and a server that is out of rotation without
 * our mark is left as somebody has put it.
 */
export const UNKNOWN_MEMORY: InstanceMemory = { held: [], isVerified: () => true, undeletable: new Set() };

/**
 * @param report null: there is none yet. Then only what was adopted at first contact counts as verified.
 * @param process the one that answers now.
 */
export function memoryOf(report: InstanceReport | null, process: ShownProcess): InstanceMemory {
  const held = (report?.operatorHeld ?? []).map((one) => ({ ...one, here: isSameProcess(one, process) }));
  const { pid, startedAtSeconds, undeletable } = report ?? {};
  const same =
    typeof pid === 'number' &&
    isSameProcess({ pid, ...(startedAtSeconds !== undefined && { startedAtSeconds }) }, process);
  return { held, isVerified: verifiedBy(report), undeletable: new Set(same ? undeletable : []) };
}

function verifiedBy(report: InstanceReport | null): InstanceMemory['isVerified'] {
  const verified = report?.verified;
  const generation = verified?.generation ?? report?.applied?.generation;
  const excepted = new Map((verified?.except ?? []).map(({ backend, slots }) => [backend, slotsIn(slots)]));
  return (backend, number, { adopted, sinceGeneration = 0 }) =>
    adopted === true ||
    (generation !== undefined && sinceGeneration <= generation && excepted.get(backend)?.(number) !== true);
}
