/** `sync --wait`: a pass, and more of them until nothing drains any more. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Fleet } from '../model/fleet.ts';
import type { SlotTable } from '../model/slot-table.ts';
import { together } from './apply-instance.ts';
import { type PassOptions, type PassResult, passFleet } from './pass.ts';
import type { SyncPorts } from './ports.ts';

/** For the passes themselves. */
const MARGIN_MS = 15_000;
/** A server whose sessions are gone is parked at the next pass; that need not wait for the end of its drain. */
const LOOK_AGAIN = { soonestMs: 250, latestMs: 5_000 };

export interface DrainedOut {
  /** The last pass; its `applied` tells of all of them. */
  readonly result: PassResult;
  /** False: something still drained when the time was over. */
  readonly drained: boolean;
}

/**
 * Repeats passes until the table has no draining slot, for at most the fleet's longest drain and a margin.
 *
 * @param waiting is told before each wait how many slots drain, and until when.
 * @throws as `passFleet`; what earlier passes did is done.
 */
export async function passUntilDrained(
  ports: SyncPorts,
  fleet: Fleet,
  options: PassOptions,
  waiting: (draining: number, untilMs: number) => void,
): Promise<DrainedOut> {
  const longestMs = Math.max(...fleet.backends.map((backend) => backend.drainMs));
  const deadlineMs = ports.now() + longestMs + MARGIN_MS;
  let result = await passFleet(ports, fleet, options);
  for (;;) {
    const ends = drainEnds(result.table);
    if (ends.length === 0) return { result, drained: true };
    const nowMs = ports.now();
    if (nowMs >= deadlineMs) return { result, drained: false };
    waiting(ends.length, Math.max(...ends));
    const endMs = Math.max(Math.min(...ends) - nowMs + 1, LOOK_AGAIN.soonestMs);
    await sleep(Math.min(endMs, LOOK_AGAIN.latestMs));
    const earlier = new Map(result.applied.map((applied) => [applied.report.instance, applied]));
    const next = await passFleet(ports, fleet, options);
    result = {
      ...next,
      changed: result.changed || next.changed,
      applied: next.applied.map((applied) => together(earlier.get(applied.report.instance), applied)),
    };
  }
}

function drainEnds(table: SlotTable): number[] {
  return Object.values(table.backends).flatMap(({ slots }) =>
    slots.flatMap((slot) => (slot.state === 'draining' ? [slot.untilMs] : [])),
  );
}
