/** The slots of one backend as an operator is told them; times are ISO 8601 in UTC. */

import { type Decision, decide, unlistedBackends } from '../model/deciding.ts';
import type { Refusal } from '../model/endpoint.ts';
import type { BackendPolicy, Fleet } from '../model/fleet.ts';
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
  /** How many more are refused than `refused` names. Absent: none. */
  readonly refusedMore?: number;
  /** Null: nobody else has a say in it. */
  readonly decision: BackendDecision | null;
}

/** Which of several hitless.yml counts for a backend. */
export interface BackendDecision {
  /** When the one that counts was written; null: not known. */
  readonly writtenAt: string | null;
  /** An operator had the backend forgotten since this hitless.yml was written, so it does not bring it back. */
  readonly forgottenAt: string | null;
  /** In which keys this hitless.yml differs from it, and is not followed. Empty: it is. */
  readonly differs: readonly string[];
  /** Older ones that are still in use, and in which keys they differ. */
  readonly overruled: readonly { readonly writtenAt: string; readonly keys: readonly string[] }[];
}

/** A backend that the table has and this hitless.yml does not list. */
export interface UnlistedBackend extends Omit<BackendStatus, 'decision' | 'refused' | 'refusedMore'> {
  /** When the hitless.yml was written that lists it, or listed it; null: not known. */
  readonly writtenAt: string | null;
  /** Since when its servers are taken out for good; null: they are not, it stays as it is. */
  readonly parkingSince: string | null;
}

/** @param table null, or without this backend: all its declared slots are free. */
export function backendStatus(
  policy: Pick<BackendPolicy, 'backend' | 'service' | 'slots'>,
  table: SlotTable | null,
): BackendStatus {
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
    ...(known?.refusedMore !== undefined && { refusedMore: known.refusedMore }),
    decision: null,
  };
}

/** The status of every backend that is configured, by name and in the order of the configuration. */
export function backendStatuses(
  fleet: Pick<Fleet, 'backends' | 'writtenAtMs'>,
  table: SlotTable | null,
): Record<string, BackendStatus> {
  const decisions = new Map(decide(fleet, table).map((decision) => [decision.policy.backend, decision]));
  return Object.fromEntries(
    fleet.backends.map((own) => {
      const decision = decisions.get(own.backend);
      const status = backendStatus(decision?.policy ?? own, table);
      return [own.backend, { ...status, decision: decisionOf(own.backend, decision, table) }];
    }),
  );
}

function decisionOf(
  backend: string,
  decision: Decision | undefined,
  table: SlotTable | null,
): BackendDecision | null {
  if (decision === undefined) {
    const forgotten = table?.forgotten?.findLast((one) => one.backend === backend);
    const forgottenAt = forgotten === undefined ? null : isoTime(forgotten.atMs);
    return { writtenAt: null, forgottenAt, differs: [], overruled: [] };
  }
  const known = table === null ? undefined : slotsOfBackend(table, backend);
  const overruled = (known?.overruled ?? []).map(({ writtenAtMs, keys }) => ({
    writtenAt: isoTime(writtenAtMs),
    keys,
  }));
  if (decision.ours && overruled.length === 0) return null;
  const writtenAt = known?.policy === undefined ? null : isoTime(known.policy.writtenAtMs);
  return { writtenAt, forgottenAt: null, differs: decision.ours ? [] : decision.differs, overruled };
}

/** Whether this hitless.yml says something of the backend that is not followed. */
export function isOverruled({ decision }: Pick<BackendStatus, 'decision'>): boolean {
  return decision !== null && (decision.differs.length > 0 || decision.forgottenAt !== null);
}

/** By name, sorted. */
export function unlistedStatuses(
  fleet: Pick<Fleet, 'backends'>,
  table: SlotTable | null,
): Record<string, UnlistedBackend> {
  return Object.fromEntries(
    unlistedBackends(fleet, table).flatMap((backend) => {
      const known = table === null ? undefined : slotsOfBackend(table, backend);
      if (known === undefined) return [];
      const { policy, parkingSinceMs, service } = known;
      const {
        refused: _,
        refusedMore: __,
        decision: ___,
        ...status
      } = backendStatus({ backend, service, slots: 0 }, table);
      const writtenAt = policy === undefined ? null : isoTime(policy.writtenAtMs);
      const parkingSince = parkingSinceMs === undefined ? null : isoTime(parkingSinceMs);
      return [[backend, { ...status, writtenAt, parkingSince }]];
    }),
  );
}

/** Milliseconds since 1970 as `2026-03-01T12:00:00.000Z`. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
