/** How long a change takes: which event made which generation, and when an instance had it. */

import type { InstanceReport } from '../model/report.ts';
import type { Cause, SlotTable } from '../model/slot-table.ts';

/** An instance that missed more generations than these is late since the oldest of them. */
const LONGEST = 10;

/** The table's trail with what made its new generation. */
export function continueTrail(previous: SlotTable | null, cause: Cause): readonly Cause[] {
  return [...(previous?.trail ?? []), cause].slice(-LONGEST);
}

/**
 * For how long the oldest change in what an instance just got had been on its way; in milliseconds. Null: no event
 * announced any of it, or nobody could have brought it sooner, for the instance is new or could not be reached.
 *
 * @param last the instance's report from before.
 */
export function propagationMs(
  table: SlotTable,
  last: InstanceReport | null,
  appliedAtMs: number,
): number | null {
  if (last === null || last.applied === null || last.pid === null) return null;
  const since = last.applied.generation;
  const received = (table.trail ?? []).flatMap(({ generation, receivedAtMs }) =>
    generation > since && receivedAtMs !== null ? [receivedAtMs] : [],
  );
  // The clocks of two machines.
  return received.length === 0 ? null : Math.max(0, appliedAtMs - Math.min(...received));
}

/** How long the newest change that an event announced took to the instances that have it. */
export interface Propagation {
  readonly generation: number;
  /** How many have it. */
  readonly instances: number;
  /** The median, by nearest rank, as `p99Ms`. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
  /** The instance that got it last. */
  readonly worst: string;
}

/** Null: nobody has got a change yet that an event announced. */
export function propagationOf(reports: readonly InstanceReport[]): Propagation | null {
  const generation = Math.max(0, ...reports.map(({ propagation }) => propagation?.generation ?? 0));
  const times = reports
    .flatMap(({ instance, propagation }) =>
      propagation?.generation === generation ? [{ instance, ms: propagation.ms }] : [],
    )
    .sort((one, other) => one.ms - other.ms);
  const at = (share: number) => times[Math.max(0, Math.ceil(share * times.length) - 1)]?.ms ?? 0;
  const worst = times.at(-1);
  if (worst === undefined) return null;
  return {
    ...{ generation, instances: times.length, p50Ms: at(0.5), p99Ms: at(0.99) },
    ...{ worstMs: worst.ms, worst: worst.instance },
  };
}
