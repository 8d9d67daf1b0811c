/** Opening a session with an instance: who did not answer last time gets little time to, until he answers again. */

import type { Fleet, Instance } from '../model/fleet.ts';
import type { RuntimeSession } from '../runtime-api/runtime-session.ts';
import type { SyncPorts } from './ports.ts';
import type { LastReport } from './shard-reports.ts';

/**
 * The next event of a fleet or shard waits for the slowest of its instances. So one that does not answer costs a
 * pass for an event a quarter of a second; a reconcile, once a minute, has a whole one for it.
 */
const SILENT_MS = { inAHurry: 250, atLeisure: 1_000 };
/** Counted in steps, so that a worker that is too busy to listen does not take that for silence. */
const STEP_MS = 25;

export interface Reach {
  /** Bounds the whole session. */
  readonly signal: AbortSignal;
  /** Somebody may be waiting for the next pass. */
  readonly hurry: boolean;
}

/**
 * @param recalling the instance's last report; not waited for.
 * @throws InstanceUnreachable
 */
export async function reach(
  { openSession }: SyncPorts,
  { tls }: Fleet,
  { address }: Instance,
  recalling: Promise<LastReport>,
  { signal, hurry }: Reach,
): Promise<RuntimeSession> {
  const silence = new AbortController();
  let heard = false;
  const giveUp = async () => {
    const { report } = await recalling;
    if (report === null || report.pid !== null) return;
    const steps = (hurry ? SILENT_MS.inAHurry : SILENT_MS.atLeisure) / STEP_MS;
    for (let step = 0; step < steps && !heard; step += 1) {
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    }
    if (!heard) silence.abort();
  };
  void giveUp();
  try {
    return await openSession(address, { tls, signal: AbortSignal.any([signal, silence.signal]) });
  } finally {
    heard = true;
  }
}
