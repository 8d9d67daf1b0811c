/** What two passes at once found out about one instance, as one report. */

import { isDeepStrictEqual } from 'node:util';
import type { InstanceReport } from '../model/report.ts';

/**
 * How the instance is, says the pass that looked later; what is known of its servers, the one that read them later,
 * for who could not reach it only repeats what it remembered. And who read a new process cannot know what was held on
 * the former one if that was found since it began.
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
  const oursIsLater = (ours.readAtMs ?? 0) > (theirs.readAtMs ?? 0);
  const [later, earlier] = oursIsLater ? [ours, theirs] : [theirs, ours];
  const { haproxy, readAtMs, operatorHeld, missingSlots, applied, propagation, snapshot } = later;
  const unheardOf = earlier.operatorHeld.filter(
    (held) =>
      later.pid !== null &&
      held.pid !== later.pid &&
      !operatorHeld.some((own) => own.backend === held.backend && own.slot === held.slot) &&
      !(remembered?.operatorHeld ?? []).some((one) => isDeepStrictEqual(one, held)),
  );
  const facts = { haproxy, readAtMs, missingSlots, applied, propagation, snapshot };
  return { ...newer, ...facts, operatorHeld: [...operatorHeld, ...unheardOf] };
}
