/** Which events of a pass a person at a terminal, or a cron mail, should see beside the result. */

import { hostname } from 'node:os';
import { offText } from '../sync/clock-notice.ts';
import type { SyncEvent } from '../sync/ports.ts';
import { tell } from './output/print.ts';

/** Failures that are in no result, and notices. The other events say what the result says anyway. */
export function tellEvent(event: SyncEvent): void {
  const { fleet, instance, backend } = event;
  const where = [fleet, instance, backend].filter((name) => name !== undefined).join('/');
  if (event.event === 'failed') tell(`${where}: ${event.error}`);
  if (event.event === 'clock_off' && typeof event.aheadMs === 'number') {
    const off = offText(event.aheadMs);
    tell(
      `${where}: the clock of this machine (${hostname()}) is ${off} the store's, which is used instead; set it`,
    );
  }
  if (event.event === 'turn_awaited') tell(`${where}: waiting for ${event.holder} to end its pass`);
  if (event.event === 'endpoint_noticed') {
    const more = event.more === undefined ? null : `and ${event.more} more like these`;
    tell(`${where}: ${more ?? event.notice}`);
  }
}
