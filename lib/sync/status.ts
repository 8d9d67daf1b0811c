/** What the store knows about a fleet: its table and its instances' last reports. Asks no HAProxy. */

import pLimit from 'p-limit';
import type { AdminState } from '../model/admin-state.ts';
import type { Fleet } from '../model/fleet.ts';
import type { InstanceRefusal } from '../model/found-instance.ts';
import type { InstanceReport } from '../model/report.ts';
import type { Cause, ConfigurationDigests, SlotTable } from '../model/slot-table.ts';
import { DocumentInvalid } from '../store/document-invalid.ts';
import { slotTableKey } from '../store/keys.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { decodeSlotTable } from '../store/slot-table-document.ts';
import {
  type BackendStatus,
  backendStatuses,
  isoTime,
  type UnlistedBackend,
  unlistedStatuses,
} from './backend-status.ts';
import { moreRefused, recallInstances } from './find-instances.ts';
import { nextConfiguration } from './next-configuration.ts';
import { readReport, readShard, type Shard, shardsOf } from './shard-reports.ts';
import { type Propagation, propagationOf } from './trail.ts';

/** Shards whose reports are read at the same time. */
const AT_ONCE = 50;

export interface InstanceStatus {
  /** Of the table that was last applied; 0: none. */
  readonly generation: number;
  /** Everything that the current table asks for was read back. */
  readonly converged: boolean;
  /** Why it did not converge; null when it did. */
  readonly reason: string | null;
  readonly pid: number | null;
  /** HAProxy's. */
  readonly version: string | null;
  /** ISO 8601, UTC; null: never. */
  readonly observedAt: string | null;
  readonly missingSlots: readonly string[];
  /** What is as it should be and still worth knowing, each a sentence. */
  readonly notes: readonly string[];
  /** When the last generation it has was first read back from it; ISO 8601, UTC; null: never. */
  readonly appliedAt: string | null;
  /** From the last event until what it announced was read back here; null: none was yet. */
  readonly propagationMs: number | null;
}

export interface HeldServer {
  readonly instance: string;
  readonly slot: string;
  readonly state: Exclude<AdminState, 'ready'>;
  readonly address: string;
  readonly port: number;
  /** When a pass first saw it; ISO 8601, UTC. Null: an earlier release did. */
  readonly since: string | null;
  /** The same in milliseconds since 1970. */
  readonly sinceMs?: number;
}

export interface FleetStatus {
  /** 0: there is no table yet. */
  readonly generation: number;
  /** Null: nothing was rendered. */
  readonly configuration: ConfigurationDigests | null;
  /** What the generation was made for; null: unknown. Times are ISO 8601, UTC. */
  readonly change: {
    readonly indexes: Cause['indexes'];
    /** Null: no event announced it. */
    readonly receivedAt: string | null;
    readonly assignedAt: string;
  } | null;
  readonly propagation: Propagation | null;
  /** Names of the instances that did not converge to the generation. */
  readonly laggards: readonly string[];
  readonly instances: Readonly<Record<string, InstanceStatus>>;
  /** Registrations that cannot be instances of the fleet. */
  readonly refusedInstances: readonly InstanceRefusal[];
  /** How many more than `refusedInstances` names. Absent: none. */
  readonly refusedInstancesMore?: number;
  readonly backends: Readonly<
    Record<string, BackendStatus & { readonly operatorHeld: readonly HeldServer[] }>
  >;
  /** Backends that the table has and the configuration does not list: they stay as they are. */
  readonly unlisted: Readonly<Record<string, UnlistedBackend>>;
  /** Why the published configuration stays as it is although the fleet has a template; null: it does not. */
  readonly configurationWithheld: string | null;
}

/**
 * Instances and backends are those of the configuration, in its order; then the instances that the last pass found in
 * Consul.
 *
 * @throws StoreFailed, DocumentInvalid when the table cannot be read; a report that is no report is its instance's
 *   reason.
 */
export async function fleetStatus(store: ObjectStore, configured: Fleet): Promise<FleetStatus> {
  const whole = await recallInstances(store, configured);
  const { fleet, refused: refusedInstances } = whole;
  const key = slotTableKey(fleet.name);
  const stored = await store.get(key);
  const table = stored === null ? null : decodeSlotTable(key, stored.body);
  const generation = table?.generation ?? 0;
  const limit = pLimit(AT_ONCE);
  const shards = shardsOf(fleet);
  const reports = (await Promise.all(shards.map((shard) => limit(() => lastReports(store, shard))))).flat();
  const held = reports.flatMap(({ report }) =>
    (report?.operatorHeld ?? []).map((one) => ({
      instance: report?.instance ?? '',
      ...one,
      since: one.sinceMs === undefined ? null : isoTime(one.sinceMs),
    })),
  );
  const instances = reports.map((one) => [one.name, instanceStatus(one, generation)] as const);
  return {
    generation,
    configuration: table?.configuration ?? null,
    change: changeOf(table),
    propagation: propagationOf(reports.flatMap(({ report }) => report ?? [])),
    laggards: instances.flatMap(([name, { converged }]) => (converged ? [] : [name])),
    instances: Object.fromEntries(instances),
    refusedInstances,
    ...moreRefused(whole),
    backends: Object.fromEntries(
      Object.entries(backendStatuses(fleet, table)).map(([name, status]) => {
        const own = held.filter(({ backend }) => backend === name);
        const operatorHeld = own.map(({ backend: _, ...rest }) => rest);
        return [name, { ...status, operatorHeld }];
      }),
    ),
    unlisted: unlistedStatuses(fleet, table),
    configurationWithheld: table === null ? null : withheldConfiguration(fleet, table),
  };
}

/** A template with a mistake is a reason as well. */
function withheldConfiguration(fleet: Fleet, table: SlotTable): string | null {
  try {
    return nextConfiguration(fleet, table, table).withheld;
  } catch (failed) {
    return failed instanceof Error ? failed.message : String(failed);
  }
}

function changeOf(table: SlotTable | null): FleetStatus['change'] {
  const cause = table?.trail?.find(({ generation }) => generation === table.generation);
  if (cause === undefined) return null;
  const { indexes, receivedAtMs, assignedAtMs } = cause;
  const receivedAt = receivedAtMs === null ? null : isoTime(receivedAtMs);
  return { indexes, receivedAt, assignedAt: isoTime(assignedAtMs) };
}

interface LastReport {
  readonly name: string;
  readonly report: InstanceReport | null;
  /** Why there is none. */
  readonly why: string;
}

/** The shard's object has them, but for an instance that came to the shard since it was written. */
async function lastReports(store: ObjectStore, shard: Shard): Promise<LastReport[]> {
  const stored = await orInvalid(readShard(store, shard));
  return Promise.all(
    shard.instances.map(async ({ name }) => {
      if (stored instanceof DocumentInvalid) return { name, report: null, why: stored.message };
      const report = stored.reports.get(name) ?? (await orInvalid(readReport(store, shard, name)));
      if (report instanceof DocumentInvalid) return { name, report: null, why: report.message };
      return { name, report, why: 'no report yet' };
    }),
  );
}

async function orInvalid<T>(reading: Promise<T>): Promise<T | DocumentInvalid> {
  return reading.catch((error: unknown) => {
    if (error instanceof DocumentInvalid) return error;
    throw error;
  });
}

/** A report may be of a newer table than the one that was read a moment before. */
function instanceStatus({ report, why }: LastReport, generation: number): InstanceStatus {
  if (report === null) {
    const nothing = {
      pid: null,
      version: null,
      observedAt: null,
      missingSlots: [],
      notes: [],
      appliedAt: null,
      propagationMs: null,
    };
    return { generation: 0, converged: false, reason: why, ...nothing };
  }
  const behind = report.generation < generation;
  const late = `generation ${generation} was not applied to it yet, the last was ${report.generation}`;
  return {
    generation: report.generation,
    converged: report.converged && !behind,
    reason: report.reason ?? (behind ? late : null),
    pid: report.pid,
    version: report.haproxy,
    observedAt: isoTime(report.observedAtMs),
    missingSlots: report.missingSlots,
    notes: report.notes ?? [],
    appliedAt: report.applied === null ? null : isoTime(report.applied.atMs),
    propagationMs: report.propagation?.ms ?? null,
  };
}
