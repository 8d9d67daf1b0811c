/**
 * Connections that outlive a slot's tenant.
 *
 * Before HAProxy 3.0, a connection that is in use while its server gets another address goes back to that server's
 * pool afterwards, and the new tenant's requests are sent over it to the old address, for good (measured on 2.2 and
 * 2.6: 20 of 20 requests; 3.0 and 3.2 tell such connections apart). Setting an address drops only the connections
 * that are idle at that moment. So a slot changes hands when none of its connections is in use.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { capabilitiesOf } from '../model/capabilities.ts';
import type { Step } from '../model/plan.ts';
import type { RuntimeSession } from '../runtime-api/runtime-session.ts';

/** How long a pass waits for requests under way. */
const REQUESTS_END_MS = 1_000;
const LOOK_AGAIN_MS = 2;

/** Of the former tenant, for a slot: how many connections are in use. Only slots with any. */
export type SlotInUse = readonly [Step, number];

/**
 * Which of the steps' slots must not change hands yet.
 *
 * @param haproxy the instance's version, as `show info` has it; 3.0 and newer are not asked.
 */
export async function slotsInUse(
  session: RuntimeSession,
  haproxy: string,
  steps: readonly Step[],
): Promise<readonly SlotInUse[]> {
  const changing = steps.filter((step) => step.changesHands === true);
  if (changing.length === 0 || capabilitiesOf(haproxy).forgetsFormerAddress) return [];
  const byBackend = Map.groupBy(changing, (step) => step.backend);
  const busy = await Promise.all(
    [...byBackend].map(async ([backend, own]) => {
      const used = await session.readUsedConnections(backend);
      return own.flatMap((step): SlotInUse[] => {
        const count = used.get(step.slot) ?? 0;
        return count > 0 ? [[step, count]] : [];
      });
    }),
  );
  return busy.flat();
}

/** Waits for the requests under way on the steps' slots, for a while. Returns the slots that are in use even so. */
export async function waitForRequests(
  session: RuntimeSession,
  haproxy: string,
  steps: readonly Step[],
): Promise<readonly SlotInUse[]> {
  const deadlineMs = performance.now() + REQUESTS_END_MS;
  for (;;) {
    const inUse = await slotsInUse(session, haproxy, steps);
    if (inUse.length === 0 || performance.now() > deadlineMs) return inUse;
    await sleep(LOOK_AGAIN_MS);
  }
}
