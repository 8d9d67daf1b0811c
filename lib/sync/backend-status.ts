/** The slots of one backend as an operator is told them; times are ISO 8601 in UTC. */

import type { Refusal } from '../model/endpoint.ts';
import type { BackendPolicy } from '../model/fleet.ts';
import { type SlotTable, slotName, slotsOfBackend } from '../model/slot-table.ts';

export interface WithheldChange {
  readonly slot: string;
  readonly address: string;
  readonly port: number;
  readonly since: string;
  /** Null: until an operator releases it. */
  readonly until: string | null;
  readonly reason: string;
  /** An operator released it: it goes with the next pass that misses it again. */
  readonly released?: true;
}

export interface BackendStatus {
  readonly service: string;
  /** Withheld ones are among the serving. */
  readonly slots: {
    readonly total: number;
    readonly serving: number;
    readonly draining: number;
    readonly free: number;
  };
  /** When the last drain ends; null: nothing drains. */
  readonly drainingUntil: string | null;
  readonly withheld: readonly WithheldChange[];
  readonly refused: readonly Refusal[];
}

/** @param table null, or without this backend: all its declared slots are free. */
export function backendStatus(policy: BackendPolicy, table: SlotTable | null): BackendStatus {
  const known = table === null ? undefined : slotsOfBackend(table, policy.backend);
  const slots = known?.slots ?? [];
  const draining = slots.flatMap((slot) => (slot.state === 'draining' ? [slot.untilMs] : []));
  const serving = slots.filter((slot) => slot.state === 'serving').length;
  const total = known === undefined ? policy.slots : slots.length;
  return {
    service: policy.service,
    slots: { total, serving, draining: draining.length, free: total - serving - draining.length },
    drainingUntil: draining.length === 0 ? null : isoTime(Math.max(...draining)),
    withheld: slots.flatMap((slot, index) => {
      if (known === undefined || slot.state !== 'serving' || slot.withheld === null) return [];
      const { sinceMs, untilMs, reason, released } = slot.withheld;
      const { address, port } = slot;
      const since = isoTime(sinceMs);
      const until = untilMs === null ? null : isoTime(untilMs);
      return [
        {
          slot: slotName(known, index + 1),
          address,
          port,
          since,
          until,
          reason,
          ...(released && { released }),
        },
      ];
    }),
    refused: known?.refused ?? [],
  };
}

/** The status of every backend that is configured, by name and in the order of the configuration. */
export function backendStatuses(
  policies: readonly BackendPolicy[],
  table: SlotTable | null,
): Record<string, BackendStatus> {
  return Object.fromEntries(policies.map((policy) => [policy.backend, backendStatus(policy, table)]));
}

/** Milliseconds since 1970 as `2026-03-01T12:00:00.000Z`. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
