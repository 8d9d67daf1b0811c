/** Reports as objects: each instance's last one for people, and those of a shard together for the next pass. */

import * as v from 'valibot';
import { MOST_GENERATIONS } from '../model/limits.ts';
import type { InstanceReport } from '../model/report.ts';
import { SLOT_RANGES } from '../model/slot-ranges.ts';
import { checkDocument, decodeDocument, VERSION } from './document.ts';
import { count, haproxyName, keyName, timeMs } from './schemas.ts';

const instanceReport = v.object({
  version: v.literal(VERSION),
  fleet: keyName,
  instance: keyName,
  generation: v.pipe(count, v.maxValue(MOST_GENERATIONS)),
  converged: v.boolean(),
  reason: v.nullable(v.string()),
  pid: v.nullable(count),
  startedAtSeconds: v.exactOptional(count),
  haproxy: v.nullable(v.string()),
  observedAtMs: timeMs,
  readAtMs: v.optional(v.nullable(timeMs), null),
  applied: v.optional(v.nullable(v.object({ generation: count, atMs: timeMs })), null),
  propagation: v.optional(v.nullable(v.object({ generation: count, ms: count })), null),
  commands: count,
  operatorHeld: v.array(
    v.object({
      backend: haproxyName,
      slot: haproxyName,
      state: v.picklist(['drain', 'maint']),
      // As HAProxy has it, which an operator may have set to anything.
      address: v.string(),
      port: count,
      servingSinceMs: v.optional(timeMs, 0),
      pid: v.optional(count, 0),
      startedAtSeconds: v.exactOptional(count),
      sinceMs: v.exactOptional(timeMs),
    }),
  ),
  verified: v.exactOptional(
    v.object({
      generation: count,
      except: v.array(
        v.object({ backend: haproxyName, slots: v.pipe(v.string(), v.regex(SLOT_RANGES, 'expected 1-5,9')) }),
      ),
    }),
  ),
  undeletable: v.exactOptional(v.array(v.string())),
  notes: v.exactOptional(v.array(v.string())),
  missingSlots: v.array(v.string()),
  snapshot: v.nullable(v.object({ digest: v.string(), atMs: timeMs })),
}) satisfies v.GenericSchema<unknown, InstanceReport>;

/** @throws DocumentInvalid when what would be written could not be read again. */
export function encodeReport(report: InstanceReport): string {
  return `${JSON.stringify(checkDocument('(new report)', report, instanceReport), null, 2)}\n`;
}

/**
 * @param key where it was found, for the error.
 * @throws DocumentInvalid
 */
export function decodeReport(key: string, body: string): InstanceReport {
  return decodeDocument(key, body, instanceReport);
}

/** What one pass writes for a whole shard. */
export interface ShardReports {
  readonly version: 1;
  readonly fleet: string;
  /** From 0. */
  readonly shard: number;
  /** In the order of the fleet's instances. */
  readonly reports: readonly InstanceReport[];
}

const shardReports = v.object({
  version: v.literal(VERSION),
  fleet: keyName,
  shard: count,
  reports: v.array(instanceReport),
}) satisfies v.GenericSchema<unknown, ShardReports>;

/**
 * One report on a line.
 *
 * @throws DocumentInvalid when what would be written could not be read again.
 */
export function encodeShardReports(document: ShardReports): string {
  const { reports, ...head } = checkDocument('(new reports)', document, shardReports);
  const lines = reports.map((report) => JSON.stringify(report)).join(',\n');
  return `${JSON.stringify(head).slice(0, -1)},"reports":[\n${lines}\n]}\n`;
}

/**
 * @param key where it was found, for the error.
 * @throws DocumentInvalid
 */
export function decodeShardReports(key: string, body: string): ShardReports {
  return decodeDocument(key, body, shardReports);
}
