/** A machine whose clock is off is told so, once: what it decides does not suffer, but its logs and its other work do. */

import type { StoreClock } from '../store/store-clock.ts';
import type { SyncPorts } from './ports.ts';

/** Less is not worth a word: S3's answers have whole seconds, and take their time. */
export const MOST_OFF_MS = 5_000;

const told = new WeakSet<StoreClock>();

/** How far the clock is off when that is worth a word, in milliseconds as `StoreClock.aheadMs`; null: it is not. */
export function offMs({ clock }: Pick<SyncPorts['store'], 'clock'>): number | null {
  const aheadMs = clock?.aheadMs ?? null;
  return aheadMs !== null && Math.abs(aheadMs) > MOST_OFF_MS ? aheadMs : null;
}

/** To be called when the store has answered. */
export function noticeClock({ store, log }: Pick<SyncPorts, 'store' | 'log'>, fleet: string): void {
  const { clock } = store;
  const aheadMs = offMs(store);
  if (clock === undefined || aheadMs === null || told.has(clock)) return;
  told.add(clock);
  log({ event: 'clock_off', level: 'warn', fleet, aheadMs });
}

/** `3600 s ahead of`, `12 s behind`. */
export function offText(aheadMs: number): string {
  return `${Math.round(Math.abs(aheadMs) / 1_000)} s ${aheadMs > 0 ? 'ahead of' : 'behind'}`;
}
