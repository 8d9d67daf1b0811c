/** What two passes at once found out about one instance, as one report. */

import { isDeepStrictEqual } from 'node:util';
import type { InstanceReport } from '../model/report.ts';

/**
 * The one that looked later counts. But who could not reach the instance only repeats what it remembered, and who read
 * a new process cannot know what was held on the former one if that was stored since it began.
 *
 * @param remembered what the pass of `ours` began with.
 * @param theirs what is stored now, no earlier than `remembered`.
 */
export function mergedReport(
  ours: InstanceReport,
  theirs: InstanceReport,
  remembered: InstanceReport | null,
): InstanceReport {
  const newer = theirs.observedAtMs > ours.observedAtMs ? theirs : ours;
  if (ours.pid === null) return knowing(newer, theirs);
  if (newer === theirs) {
    // Somebody else may have read it since we began, and what is held then is in theirs.
    const heard = !isDeepStrictEqual(theirs.operatorHeld, remembered?.operatorHeld ?? []);
    return theirs.pid !== null || heard ? theirs : knowing(theirs, ours);
  }
  const unheardOf = theirs.operatorHeld.filter(
    (held) =>
      held.pid !== ours.pid &&
      !ours.operatorHeld.some((own) => own.backend === held.backend && own.slot === held.slot) &&
      !(remembered?.operatorHeld ?? []).some((one) => isDeepStrictEqual(one, held)),
  );
  return unheardOf.length === 0 ? ours : { ...ours, operatorHeld: [...ours.operatorHeld, ...unheardOf] };
}

/** What can only be known by reading the instance is from `source`. */
function knowing(report: InstanceReport, source: InstanceReport): InstanceReport {
  const { haproxy, operatorHeld, missingSlots, applied, propagation, snapshot } = source;
  return { ...report, haproxy, operatorHeld, missingSlots, applied, propagation, snapshot };
}
