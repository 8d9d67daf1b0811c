/** What a report says of an instance as it was read last: its process, who is held there, what it lacks. */

import type { PlannedHold } from '../model/plan.ts';
import type { InstanceReport, OperatorHeld } from '../model/report.ts';
import { verifiedSlots } from '../plan/verified-slots.ts';
import type { Progress } from './bring-to-table.ts';
import { type Look, memoryAt } from './look.ts';

export type Seen = Pick<InstanceReport, 'pid' | 'haproxy' | 'readAtMs' | 'operatorHeld' | 'missingSlots'> &
  Partial<Pick<InstanceReport, 'startedAtSeconds' | 'verified' | 'undeletable' | 'notes'>>;

/** Of an instance that could not be asked: what was known of it before. */
export function nothingNew(memory: InstanceReport | null): Seen {
  const { haproxy = null, readAtMs = null, operatorHeld = [], missingSlots = [] } = memory ?? {};
  const verified = memory?.verified;
  return { pid: null, haproxy, readAtMs, operatorHeld, missingSlots, ...(verified && { verified }) };
}

export function whatWasSeen(progress: Progress, observedAtMs: number): Seen {
  const { look, plan, table, last } = progress;
  const memory = memoryAt(look, last);
  const { pid, startedAtSeconds } = look.process;
  const notes = plan.notes.length === 0 ? {} : { notes: plan.notes };
  const undeletable = [...new Set([...memory.undeletable, ...progress.undeletable])];
  return {
    ...{ pid, startedAtSeconds, haproxy: look.info.version, readAtMs: look.readAtMs },
    operatorHeld: plan.operatorHeld.map((held) => heldNow(held, look, last.report, observedAtMs)),
    missingSlots: progress.missingSlots,
    verified: verifiedSlots(table, look.state.servers, memory),
    ...(undeletable.length > 0 && { undeletable }),
    ...notes,
  };
}

/** What is remembered and not seen is held on the process on which it was seen last: the next one is to have it, too. */
function heldNow(
  { seen, ...held }: PlannedHold,
  { process }: Look,
  memory: InstanceReport | null,
  observedAtMs: number,
): OperatorHeld {
  const before = memory?.operatorHeld.find(
    (one) =>
      one.backend === held.backend && one.slot === held.slot && one.servingSinceMs === held.servingSinceMs,
  );
  const sinceMs = before === undefined ? observedAtMs : before.sinceMs;
  const { pid, startedAtSeconds } = seen || before === undefined ? process : before;
  return {
    ...{ ...held, pid },
    ...(startedAtSeconds !== undefined && { startedAtSeconds }),
    ...(sinceMs !== undefined && { sinceMs }),
  };
}
