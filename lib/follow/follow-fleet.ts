/**
 * The passes of one fleet, one after the other, for as long as the process lives: at once when something is heard, when
 * something of the table is due, a minute after the last one, and sooner after one that left something to be done.
 */

import type { Fleet } from '../model/fleet.ts';
import { nextDue } from '../slots/next-due.ts';
import { type PassResult, passFleet } from '../sync/pass.ts';
import type { SyncPorts } from '../sync/ports.ts';
import { type Alarm, ownSignal } from './alarm.ts';

/** Milliseconds from the beginning of one pass to that of the next, where nothing happens. */
const EVERY_MS = 60_000;
/** After a pass that could not be done, or left an instance behind: the first wait; each one is twice as long. */
const RETRY_MS = 2_000;
/** A due moment is met a little later: the clock that says so and the one that waits are two. */
const LATE_MS = 20;

export interface Ending {
  /** No further pass begins. */
  readonly retire: AbortSignal;
  /** The pass under way ends after the command in flight, too. */
  readonly stop: AbortSignal;
}

export interface DonePass {
  readonly fleet: Fleet;
  readonly result: PassResult;
  /** When it was heard of, in milliseconds since 1970; null: the time had come. */
  readonly heardAtMs: number | null;
  readonly tookMs: number;
}

export interface PassesTold {
  readonly onDone: (pass: DonePass) => void;
  /** Nothing was done, and it is tried again soon. */
  readonly onFailed: (fleet: Fleet, error: unknown) => void;
}

/** Returns when it is to end and the pass under way has ended; throws nothing. */
export async function followFleet(
  ports: SyncPorts,
  fleet: Fleet,
  alarm: Alarm,
  { onDone, onFailed }: PassesTold,
  { retire, stop }: Ending,
): Promise<void> {
  const either = AbortSignal.any([retire, stop]);
  let retryMs = RETRY_MS;
  while (!either.aborted) {
    const begunMs = performance.now();
    const heardAtMs = alarm.take();
    let waitMs = EVERY_MS;
    let isLeft = true;
    const { own, end } = ownSignal(stop);
    try {
      const options = {
        entries: new Map(),
        receivedAtMs: heardAtMs,
        snapshots: 'when-due',
        signal: own.signal,
      } as const;
      const result = await passFleet(ports, fleet, options);
      onDone({ fleet, result, heardAtMs, tookMs: performance.now() - begunMs });
      isLeft = leavesSomething(result);
      const dueMs = nextDue(result.table, ports.now());
      if (dueMs !== null)
        waitMs = Math.min(waitMs, performance.now() - begunMs + dueMs - ports.now() + LATE_MS);
    } catch (error) {
      if (either.aborted) return;
      onFailed(fleet, error);
    } finally {
      end();
    }
    if (isLeft) waitMs = Math.min(waitMs, performance.now() - begunMs + retryMs);
    retryMs = isLeft ? Math.min(retryMs * 2, EVERY_MS) : RETRY_MS;
    await alarm.wait(Math.max(0, waitMs - (performance.now() - begunMs)), either);
  }
}

/** What another attempt may do: what Consul, an operator or hitless.yml must change first is not. */
function leavesSomething({ applied, publishFailure }: PassResult): boolean {
  return publishFailure !== null || applied.some(({ report }) => !report.converged);
}
