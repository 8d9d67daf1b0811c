/**
 * What `status` tells, in the text format of Prometheus: for node_exporter's textfile collector, and for whoever serves
 * `/metrics`. Labels are fleets, instances, backends and states as hitless.yml has them, so their number is bounded.
 */

import { Gauge, Registry } from 'prom-client';
import type { FleetStatus } from '../../sync/status.ts';

/** Of each metric its help, and its labels in their order. Times are seconds, since 1970 where it says so. */
export const METRICS = {
  hitless_store_readable: { help: "1: the fleet's status could be read from the store.", labels: ['fleet'] },
  hitless_generation: { help: 'Generation of the slot table; 0: there is none yet.', labels: ['fleet'] },
  hitless_table_assigned_timestamp_seconds: {
    help: 'When the newest generation was assigned, since 1970.',
    labels: ['fleet'],
  },
  hitless_instance_converged: {
    help: '1: everything that the table asks for was read back from the instance.',
    labels: ['fleet', 'instance'],
  },
  hitless_instance_generation: {
    help: 'Generation that was last applied to the instance; 0: none.',
    labels: ['fleet', 'instance'],
  },
  hitless_instance_seen_timestamp_seconds: {
    help: 'When a pass last began to look at the instance, since 1970; absent: none did.',
    labels: ['fleet', 'instance'],
  },
  hitless_instance_missing_slots: {
    help: 'Slots that the table uses and the instance does not have.',
    labels: ['fleet', 'instance'],
  },
  hitless_refused_instances: {
    help: 'Registrations in Consul that cannot be instances of the fleet.',
    labels: ['fleet'],
  },
  hitless_slots: {
    help: 'Slots of a backend by their state; withheld ones are among the serving.',
    labels: ['fleet', 'backend', 'state'],
  },
  hitless_withheld: {
    help: 'Servers that Consul no longer has ready, and that the guard keeps.',
    labels: ['fleet', 'backend'],
  },
  hitless_refused: {
    help: "Registrations that cannot be a backend's endpoints.",
    labels: ['fleet', 'backend'],
  },
  hitless_operator_held: {
    help: 'Servers that an operator holds in drain or maint, over all instances.',
    labels: ['fleet', 'backend'],
  },
  hitless_propagation_seconds: {
    help: 'From the last event until it was read back, over the instances; absent: none was yet.',
    labels: ['fleet', 'quantile'],
  },
} as const;

export type MetricName = keyof typeof METRICS;

type Labels = Readonly<Record<string, string>>;
type Set = (name: MetricName, labels: Labels, value: number) => void;

/** By the fleet's name; null: it could not be read. */
export type Statuses = ReadonlyMap<string, FleetStatus | null>;

/** A registry of its own with the metrics of these fleets; whoever has more to tell adds to it. */
export function statusRegistry(statuses: Statuses): Registry {
  const registry = new Registry();
  const gauges = new Map(
    Object.entries(METRICS).map(([name, { help, labels }]) => [
      name,
      new Gauge({ name, help, labelNames: [...labels], registers: [registry] }),
    ]),
  );
  const set: Set = (name, labels, value) => gauges.get(name)?.set({ ...labels }, value);
  for (const [fleet, status] of statuses) {
    set('hitless_store_readable', { fleet }, status === null ? 0 : 1);
    if (status !== null) setFleet(set, fleet, status);
  }
  return registry;
}

/** Ends with a line end. */
export function prometheusText(statuses: Statuses): Promise<string> {
  return statusRegistry(statuses).metrics();
}

function setFleet(set: Set, fleet: string, status: FleetStatus): void {
  set('hitless_generation', { fleet }, status.generation);
  if (status.change !== null)
    set('hitless_table_assigned_timestamp_seconds', { fleet }, secondsOf(status.change.assignedAt));
  const refused = status.refusedInstances.length + (status.refusedInstancesMore ?? 0);
  set('hitless_refused_instances', { fleet }, refused);
  for (const [instance, one] of Object.entries(status.instances)) {
    const labels = { fleet, instance };
    set('hitless_instance_converged', labels, one.converged ? 1 : 0);
    set('hitless_instance_generation', labels, one.generation);
    set('hitless_instance_missing_slots', labels, one.missingSlots.length);
    if (one.observedAt !== null)
      set('hitless_instance_seen_timestamp_seconds', labels, secondsOf(one.observedAt));
  }
  for (const [backend, one] of Object.entries(status.backends)) {
    const labels = { fleet, backend };
    for (const state of ['serving', 'draining', 'free'] as const)
      set('hitless_slots', { ...labels, state }, one.slots[state]);
    set('hitless_withheld', labels, one.withheld.length);
    set('hitless_refused', labels, one.refused.length + (one.refusedMore ?? 0));
    set('hitless_operator_held', labels, one.operatorHeld.length);
  }
  if (status.propagation !== null) {
    const { p50Ms, p99Ms } = status.propagation;
    set('hitless_propagation_seconds', { fleet, quantile: '0.5' }, p50Ms / 1000);
    set('hitless_propagation_seconds', { fleet, quantile: '0.99' }, p99Ms / 1000);
  }
}

/** @param time ISO 8601. */
function secondsOf(time: string): number {
  return Date.parse(time) / 1000;
}
