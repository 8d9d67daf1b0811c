/** The plan for one instance: its backends' plans, side by side. */

import type { Capabilities } from '../model/capabilities.ts';
import type { BackendPolicy } from '../model/fleet.ts';
import type { ObservedServer } from '../model/observed.ts';
import type { Plan, Stage } from '../model/plan.ts';
import type { HeldServer } from '../model/report.ts';
import { type SlotTable, slotsOfBackend } from '../model/slot-table.ts';
import { planBackend } from './plan-backend.ts';

export interface Observation {
  /** Every server of the instance, as `show servers state` listed them. */
  readonly servers: readonly ObservedServer[];
  /** What operators held on an earlier process of this instance; empty while the process is the same. */
  readonly heldBefore: readonly HeldServer[];
  /** By backend, then by server: current sessions. What is absent counts as busy. */
  readonly sessions: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** What this HAProxy can be asked for. */
  readonly able: Capabilities;
}

/** Plans the backends that `policies` names and the table knows; everything else on the instance is left alone. */
export function planInstance(
  policies: readonly BackendPolicy[],
  table: SlotTable,
  observation: Observation,
): Plan {
  const byBackend = Map.groupBy(observation.servers, (server) => server.backend);
  const plans = policies.flatMap((policy) => {
    const slots = slotsOfBackend(table, policy.backend);
    if (slots === undefined) return [];
    const servers = new Map((byBackend.get(policy.backend) ?? []).map((server) => [server.server, server]));
    const heldBefore = observation.heldBefore.filter((held) => held.backend === policy.backend);
    const sessions = observation.sessions.get(policy.backend) ?? new Map<string, number>();
    return [planBackend(policy, slots, { servers, heldBefore, sessions, able: observation.able })];
  });
  return {
    changes: plans.flatMap((plan) => plan.changes),
    stages: sideBySide(plans.map((plan) => plan.stages)),
    operatorHeld: plans.flatMap((plan) => plan.operatorHeld),
    missingSlots: plans.flatMap((plan) => plan.missingSlots),
    problems: plans.flatMap((plan) => plan.problems),
    serving: plans.flatMap((plan) => plan.serving),
  };
}

/**
 * The backends' stages merged: each backend keeps its own order, and stages of one phase travel together, so that
 * several backends cost hardly more round trips than one.
 */
function sideBySide(sequences: readonly (readonly Stage[])[]): Stage[] {
  const queues = sequences.map((stages) => [...stages]);
  const merged: Stage[] = [];
  for (;;) {
    const heads = queues.flatMap((queue) => queue[0] ?? []);
    const phase = heads.some((stage) => stage.phase === 'make') ? 'make' : 'break';
    if (heads.length === 0) return merged;
    const taken = queues.flatMap((queue) => (queue[0]?.phase === phase ? (queue.shift()?.steps ?? []) : []));
    merged.push({ phase, steps: taken });
  }
}
