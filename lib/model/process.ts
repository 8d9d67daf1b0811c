/**
 * Which HAProxy process it is: its pid and its start. A pid alone does not tell, for in a container every process is
 * pid 1.
 */

import type { InstanceInfo } from './observed.ts';

export interface HaproxyProcess {
  readonly pid: number;
  /** Seconds since 1970, of the instance's clock. Absent: not known, an earlier release remembered it. */
  readonly startedAtSeconds?: number;
}

/** The process that answers now, and how far its start may be off from one that was seen before. */
export interface ShownProcess extends Required<HaproxyProcess> {
  readonly toleranceSeconds: number;
}

/** `Start_time_sec` is fixed when a process starts (2.6 to 3.4). Reckoned from its age in whole seconds it moves. */
const TOLERANCE_SECONDS = { told: 0, reckoned: 3 };

/** @param nowMs milliseconds since 1970; HAProxy 2.2 does not tell its start, which is reckoned from its age. */
export function processOf(
  { pid, startedAtSeconds, uptimeSeconds }: InstanceInfo,
  nowMs: number,
): ShownProcess {
  return startedAtSeconds === null
    ? {
        pid,
        startedAtSeconds: Math.max(0, Math.round(nowMs / 1000) - uptimeSeconds),
        toleranceSeconds: TOLERANCE_SECONDS.reckoned,
      }
    : { pid, startedAtSeconds, toleranceSeconds: TOLERANCE_SECONDS.told };
}

/** Whether what was remembered of a process is about the one that answers now. */
export function isSameProcess(remembered: HaproxyProcess, shown: ShownProcess): boolean {
  if (remembered.pid !== shown.pid) return false;
  const { startedAtSeconds } = remembered;
  return (
    startedAtSeconds === undefined ||
    Math.abs(startedAtSeconds - shown.startedAtSeconds) <= shown.toleranceSeconds
  );
}
