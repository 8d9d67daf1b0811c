/** The turn of a fleet, where its store has turns: one pass, release or other change of its table at a time. */

import type { Fleet } from '../model/fleet.ts';
import type { SyncPorts } from './ports.ts';

/**
 * Does the work when it is its turn, and lets the next one have his whatever comes of it. `work` reads everything
 * itself: what was read before the turn may be old.
 *
 * @throws TurnNotFree, StoreFailed: nothing was done. Whatever `work` throws.
 */
export async function inTurn<T>(
  { store, log }: Pick<SyncPorts, 'store' | 'log'>,
  fleet: Fleet,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const onWaiting = (holder: string) =>
    log({ event: 'turn_awaited', level: 'info', fleet: fleet.name, holder });
  const turn = await store.takeTurn?.(fleet.name, { signal, onWaiting });
  try {
    return await work();
  } finally {
    await turn?.end();
  }
}
