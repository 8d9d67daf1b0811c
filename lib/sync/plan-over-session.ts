/** Reading one instance and planning the way from there to the table: the same for `plan` and for a pass. */

import { capabilitiesOf } from '../model/capabilities.ts';
import { decide } from '../model/deciding.ts';
import type { Fleet } from '../model/fleet.ts';
import type { InstanceInfo, ObservedServer } from '../model/observed.ts';
import type { Plan } from '../model/plan.ts';
import { type SlotTable, slotName } from '../model/slot-table.ts';
import { planInstance } from '../plan/plan-instance.ts';
import type { RuntimeSession, ServersState } from '../runtime-api/runtime-session.ts';
import { observedBySlot } from './by-slot.ts';
import type { LastReport } from './shard-reports.ts';

export interface PlannedInstance {
  readonly info: InstanceInfo;
  /** When the state was read. */
  readonly readAtMs: number;
  readonly state: ServersState;
  readonly plan: Plan;
}

/**
 * Sends `show` commands only.
 *
 * @param recalling the last report: what an operator held on an earlier process is restored on the present one. Only
 *   waited for once the instance has answered.
 * @throws SessionLost, CommandRefused, ReplyNotUnderstood
 */
export async function planOverSession(
  session: RuntimeSession,
  fleet: Fleet,
  table: SlotTable,
  recalling: Promise<LastReport>,
  now: () => number,
): Promise<PlannedInstance> {
  const [info, state] = await Promise.all([session.readInfo(), session.readServers()]);
  const readAtMs = now();
  const sessions = await readSessions(session, table, state.servers);
  const { report } = await recalling;
  const heldBefore = (report?.operatorHeld ?? []).filter(({ pid }) => pid !== info.pid);
  const able = capabilitiesOf(info.version);
  // What is parked, and gone from the instance already, is as it should be.
  const policies = decide(fleet, table)
    .filter(
      ({ policy, parking }) => !parking || state.servers.some((seen) => seen.backend === policy.backend),
    )
    .map(({ policy }) => policy);
  const plan = planInstance(policies, table, { servers: state.servers, heldBefore, sessions, able });
  return { info, readAtMs, state, plan };
}

/**
 * Who is still connected matters only where something drains or a server may have to be deleted, and costs a command
 * for each such backend.
 */
async function readSessions(session: RuntimeSession, table: SlotTable, servers: readonly ObservedServer[]) {
  const present = observedBySlot(servers);
  const backends = Object.entries(table.backends)
    .filter(([name, backend]) =>
      backend.slots.some((slot, index) => {
        if (slot.state === 'serving') return false;
        const seen = present.get({ backend: name, slot: slotName(backend, index + 1) });
        return seen !== undefined && (slot.state === 'draining' || seen.forcedId);
      }),
    )
    .map(([name]) => name);
  return new Map(
    await Promise.all(
      backends.map(
        async (name): Promise<[string, ReadonlyMap<string, number>]> => [
          name,
          await session.readSessions(name),
        ],
      ),
    ),
  );
}
