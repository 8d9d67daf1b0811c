/** What two passes at once found out about one instance, as one report. */

import type { InstanceReport, OperatorHeld } from '../model/report.ts';

/**
 * Neither clock counts: two machines have two. How the instance is, says the pass with the newer table; with one table,
 * the one that could read it; of two that could, the one that saw it unconverged, for the next pass looks again then.
 *
 * Holds are those of both, without those that one of them saw ended: what it remembered and did not find any more.
 *
 * @param ours what our pass found, beginning with `remembered`.
 * @param theirs what is stored now, and was not yet when our pass began.
 */
export function mergedReport(
  ours: InstanceReport,
  theirs: InstanceReport,
  remembered: InstanceReport | null,
): InstanceReport {
  const counts = isNewer(ours, theirs) ? ours : theirs;
  const before = remembered?.operatorHeld ?? [];
  const own = ours.operatorHeld.filter((held) => has(theirs.operatorHeld, held) || !has(before, held));
  const others = theirs.operatorHeld.filter((held) => !has(ours.operatorHeld, held) && !has(before, held));
  return { ...counts, operatorHeld: [...own, ...others] };
}

/** Whether both name the same servers held, in the same states and for the same stays. */
export function sameHolds({ operatorHeld: ours }: InstanceReport, { operatorHeld: theirs }: InstanceReport) {
  const isAmong = (holds: readonly OperatorHeld[], held: OperatorHeld) =>
    holds.some((one) => has([one], held) && one.state === held.state);
  return ours.length === theirs.length && ours.every((held) => isAmong(theirs, held));
}

function isNewer(ours: InstanceReport, theirs: InstanceReport): boolean {
  if (ours.generation !== theirs.generation) return ours.generation > theirs.generation;
  if (ours.pid === null || theirs.pid === null) return theirs.pid === null;
  return !ours.converged || theirs.converged;
}

/** The same stay in the same slot; how it is held may have changed. */
function has(holds: readonly OperatorHeld[], held: OperatorHeld): boolean {
  return holds.some(
    (one) =>
      one.backend === held.backend && one.slot === held.slot && one.servingSinceMs === held.servingSinceMs,
  );
}
