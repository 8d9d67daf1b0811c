/** The plan for one instance: its backends' plans, side by side. */

import type { Capabilities } from '../model/capabilities.ts';
import type { BackendPolicy } from '../model/fleet.ts';
import type { ObservedServer } from '../model/observed.ts';
import type { Plan, Stage } from '../model/plan.ts';
import { type SlotTable, slotsOfBackend } from '../model/slot-table.ts';
import type { InstanceMemory } from './instance-memory.ts';
import { planBackend } from './plan-backend.ts';

export interface Observation {
  /** Every server of the instance, as `show servers state` listed them. */
  readonly servers: readonly ObservedServer[];
  /** What the reports say of this instance. */
  readonly memory: InstanceMemory;
  /** By backend, then by server: current sessions. What is absent counts as busy. */
  readonly sessions: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** What this HAProxy can be asked for. */
  readonly able: Capabilities;
  /** Slots that take no step for now: HAProxy refused one, or somebody is connected still. Absent: none. */
  readonly skips?: (backend: string, slot: string) => boolean;
  /** Slots to which this pass gave a weight when somebody had just taken their server out. Absent: none. */
  readonly ownWeights?: (backend: string, slot: string) => boolean;
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
    const { memory, able } = observation;
    const skips = { has: (slot: string) => observation.skips?.(policy.backend, slot) === true };
    const ownWeights = { has: (slot: string) => observation.ownWeights?.(policy.backend, slot) === true };
    const sessions = observation.sessions.get(policy.backend) ?? new Map<string, number>();
    return [planBackend(policy, slots, { servers, memory, sessions, able, skips, ownWeights })];
  });
  return {
    changes: plans.flatMap((plan) => plan.changes),
    stages: sideBySide(plans.map((plan) => plan.stages)),
    operatorHeld: plans.flatMap((plan) => plan.operatorHeld),
    missingSlots: plans.flatMap((plan) => plan.missingSlots),
    problems: plans.flatMap((plan) => plan.problems),
    notes: plans.flatMap((plan) => plan.notes),
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
