/** An instance's last report as an object. */

import * as v from 'valibot';
import type { InstanceReport } from '../model/report.ts';
import { checkDocument, decodeDocument, VERSION } from './document.ts';
import { count, haproxyName, keyName, timeMs } from './schemas.ts';

const instanceReport = v.object({
  version: v.literal(VERSION),
  fleet: keyName,
  instance: keyName,
  generation: count,
  converged: v.boolean(),
  reason: v.nullable(v.string()),
  pid: v.nullable(count),
  heldPid: v.optional(v.nullable(count), null),
  haproxy: v.nullable(v.string()),
  observedAtMs: timeMs,
  commands: count,
  operatorHeld: v.array(
    v.object({
      backend: haproxyName,
      slot: haproxyName,
      state: v.picklist(['drain', 'maint']),
      // As HAProxy has it, which an operator may have set to anything.
      address: v.string(),
      port: count,
    }),
  ),
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
