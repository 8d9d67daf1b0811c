/** What the store knows about a fleet: its table and its instances' last reports. Asks no HAProxy. */

import pLimit from 'p-limit';
import type { AdminState } from '../model/admin-state.ts';
import type { Fleet } from '../model/fleet.ts';
import type { InstanceReport } from '../model/report.ts';
import type { ConfigurationDigests } from '../model/slot-table.ts';
import { DocumentInvalid } from '../store/document-invalid.ts';
import { slotTableKey } from '../store/keys.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { decodeSlotTable } from '../store/slot-table-document.ts';
import { type BackendStatus, backendStatus, isoTime } from './backend-status.ts';
import { readReport, readShard, type Shard, shardsOf } from './shard-reports.ts';

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
}

export interface HeldServer {
  readonly instance: string;
  readonly slot: string;
  readonly state: Exclude<AdminState, 'ready'>;
  readonly address: string;
  readonly port: number;
}

export interface FleetStatus {
  /** 0: there is no table yet. */
  readonly generation: number;
  /** Null: nothing was rendered. */
  readonly configuration: ConfigurationDigests | null;
  readonly instances: Readonly<Record<string, InstanceStatus>>;
  readonly backends: Readonly<
    Record<string, BackendStatus & { readonly operatorHeld: readonly HeldServer[] }>
  >;
}

/**
 * Instances and backends are those of the configuration, in its order.
 *
 * @throws StoreFailed, DocumentInvalid when the table cannot be read; a report that is no report is its instance's
 *   reason.
 */
export async function fleetStatus(store: ObjectStore, fleet: Fleet): Promise<FleetStatus> {
  const key = slotTableKey(fleet.name);
  const stored = await store.get(key);
  const table = stored === null ? null : decodeSlotTable(key, stored.body);
  const generation = table?.generation ?? 0;
  const limit = pLimit(AT_ONCE);
  const shards = shardsOf(fleet);
  const reports = (await Promise.all(shards.map((shard) => limit(() => lastReports(store, shard))))).flat();
  const held = reports.flatMap(({ report }) =>
    (report?.operatorHeld ?? []).map((one) => ({ instance: report?.instance ?? '', ...one })),
  );
  return {
    generation,
    configuration: table?.configuration ?? null,
    instances: Object.fromEntries(reports.map((one) => [one.name, instanceStatus(one, generation)])),
    backends: Object.fromEntries(
      fleet.backends.map((policy) => {
        const own = held.filter(({ backend }) => backend === policy.backend);
        const operatorHeld = own.map(({ backend: _, ...rest }) => rest);
        return [policy.backend, { ...backendStatus(policy, table), operatorHeld }];
      }),
    ),
  };
}

interface LastReport {
  readonly name: string;
  readonly report: InstanceReport | null;
  /** Why there is none. */
  readonly why: string;
}

/** The shard's object has them, but for an instance that came to the shard since it was written. */
async function lastReports(store: ObjectStore, shard: Shard): Promise<LastReport[]> {
  try {
    const { reports } = await readShard(store, shard);
    return await Promise.all(
      shard.instances.map(async ({ name }) => {
        const report = reports.get(name) ?? (await readReport(store, shard, name));
        return { name, report, why: 'no report yet' };
      }),
    );
  } catch (error) {
    if (!(error instanceof DocumentInvalid)) throw error;
    return shard.instances.map(({ name }) => ({ name, report: null, why: error.message }));
  }
}

/** A report may be of a newer table than the one that was read a moment before. */
function instanceStatus({ report, why }: LastReport, generation: number): InstanceStatus {
  if (report === null) {
    const nothing = { pid: null, version: null, observedAt: null, missingSlots: [] };
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
  };
}
