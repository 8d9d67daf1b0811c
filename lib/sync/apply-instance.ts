/** Steps two to four of a pass, for one instance: read, plan, carry out, read back, snapshot. Never throws. */

import { createHash } from 'node:crypto';
import type { Fleet, Instance } from '../model/fleet.ts';
import type { ObservedServer } from '../model/observed.ts';
import type { Change, Plan, Problem } from '../model/plan.ts';
import type { HeldServer, InstanceReport, OperatorHeld } from '../model/report.ts';
import type { SlotTable } from '../model/slot-table.ts';
import type { ServersState } from '../runtime-api/runtime-session.ts';
import { stateSnapshotKey } from '../store/keys.ts';
import { carryOut } from './carry-out.ts';
import { planOverSession } from './plan-over-session.ts';
import type { SyncPorts } from './ports.ts';
import { reach } from './reach.ts';
import type { LastReport } from './shard-reports.ts';
import { propagationMs } from './trail.ts';

export interface ApplyOptions {
  /** `always`, or `when-due`: when it changed, and at most once in the fleet's `snapshot_every`. */
  readonly snapshots: 'always' | 'when-due';
  /** Ends the work on every instance: the invocation's own deadline. */
  readonly signal?: AbortSignal;
  /** For an event, so that the next one may be waiting; absent: for a reconcile. */
  readonly hurry?: boolean;
  /** Called after each instance, whatever came of it. */
  readonly onApplied?: () => void;
}

/** A report, and what it says about the pass itself. */
export interface Applied {
  readonly report: InstanceReport;
  readonly changes: readonly Change[];
  readonly problems: readonly Problem[];
  readonly tookMs: number;
  /** From the event until what it announced was read back here; null: nothing that was announced came with this. */
  readonly propagationMs: number | null;
}

/** @param recalling the instance's last report; only waited for once the instance has answered. */
export async function applyInstance(
  ports: SyncPorts,
  fleet: Fleet,
  table: SlotTable,
  instance: Instance,
  recalling: Promise<LastReport>,
  options: ApplyOptions,
): Promise<Applied> {
  const startedMs = performance.now();
  const observedAtMs = ports.now();
  const outcome = await applyOverSession(ports, fleet, table, instance, options, recalling);
  const memory = await recalling;
  const { plan, problems } = outcome;
  const snapshot = await keepSnapshot(ports, fleet, instance, options, memory.report, outcome.state);
  const reason = reasonOf([...problems, ...snapshot.problems]);
  const last = memory.report;
  const newly = reason === null && last?.applied?.generation !== table.generation;
  const appliedAtMs = ports.now();
  const tookUntilAppliedMs = newly ? propagationMs(table, last, appliedAtMs) : null;
  const report: InstanceReport = {
    version: 1,
    fleet: fleet.name,
    instance: instance.name,
    generation: table.generation,
    converged: reason === null,
    reason,
    pid: outcome.info?.pid ?? null,
    haproxy: outcome.info?.version ?? memory.report?.haproxy ?? null,
    observedAtMs,
    readAtMs: outcome.readAtMs ?? last?.readAtMs ?? null,
    applied: newly ? { generation: table.generation, atMs: appliedAtMs } : (last?.applied ?? null),
    propagation:
      tookUntilAppliedMs === null
        ? (last?.propagation ?? null)
        : { generation: table.generation, ms: tookUntilAppliedMs },
    commands: outcome.commands,
    operatorHeld: heldNow(outcome, last?.operatorHeld ?? []),
    missingSlots: outcome.missingSlots ?? memory.report?.missingSlots ?? [],
    snapshot: snapshot.kept,
  };
  const tookMs = performance.now() - startedMs;
  tell(ports, fleet, report, tookMs);
  return { report, changes: plan?.changes ?? [], problems, tookMs, propagationMs: tookUntilAppliedMs };
}

/** What was to be restored is held on the present process once that was read back; until then, on the former one. */
function heldNow(
  { info, plan, state, problems }: Outcome,
  before: readonly OperatorHeld[],
): readonly OperatorHeld[] {
  if (plan === null || info === null) return before;
  const isAt = (held: HeldServer) => (at: { readonly backend: string; readonly slot: string | null }) =>
    at.backend === held.backend && at.slot === held.slot;
  return plan.operatorHeld.map((held) => {
    const restored = !plan.changes.some(isAt(held)) || (state !== null && !problems.some(isAt(held)));
    const pid = restored ? info.pid : (before.find(isAt(held))?.pid ?? info.pid);
    return { ...held, pid };
  });
}

interface Outcome {
  readonly info: { readonly pid: number; readonly version: string } | null;
  /** Null: it could not be read. */
  readonly readAtMs: number | null;
  readonly plan: Plan | null;
  readonly state: ServersState | null;
  readonly commands: number;
  readonly problems: readonly Problem[];
  /** Null: the instance could not be asked. */
  readonly missingSlots: readonly string[] | null;
}

/** Whatever the instance does, it ends in an outcome: one bad load balancer harms no other. */
async function applyOverSession(
  ports: SyncPorts,
  fleet: Fleet,
  table: SlotTable,
  instance: Instance,
  { signal, hurry = false }: ApplyOptions,
  recalling: Promise<LastReport>,
): Promise<Outcome> {
  const deadline = AbortSignal.timeout(fleet.timeoutMs);
  const either = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
  let known: Outcome = {
    info: null,
    readAtMs: null,
    plan: null,
    state: null,
    commands: 0,
    problems: [],
    missingSlots: null,
  };
  try {
    const session = await reach(ports, fleet, instance, recalling, { signal: either, hurry });
    try {
      const { info, readAtMs, state, plan } = await planOverSession(
        session,
        fleet,
        table,
        recalling,
        ports.now,
      );
      const { problems, missingSlots } = plan;
      known = { info, readAtMs, plan, state, commands: 0, problems, missingSlots };
      const done = await carryOut(session, info.version, plan, state);
      return {
        ...{ info, readAtMs, plan, ...done },
        problems: [...problems, ...done.problems],
        missingSlots: [...missingSlots, ...done.missingSlots],
      };
    } finally {
      await session.close();
    }
  } catch (failed) {
    const reason = failed instanceof Error ? failed.message : String(failed);
    return { ...known, state: null, problems: [...known.problems, { backend: '', slot: null, reason }] };
  }
}

/** What two applications, one after the other, did to one instance; how it is now is what the later one says. */
export function together(earlier: Applied | undefined, later: Applied): Applied {
  if (earlier === undefined) return later;
  return {
    ...later,
    report: { ...later.report, commands: earlier.report.commands + later.report.commands },
    changes: [...earlier.changes, ...later.changes],
    tookMs: earlier.tookMs + later.tookMs,
    propagationMs: later.propagationMs ?? earlier.propagationMs,
  };
}

/** One sentence; null when everything that the table asks for was read back. */
function reasonOf(problems: readonly Problem[]): string | null {
  const sentences = problems.map(({ backend, slot, reason }) => {
    const where = slot === null ? backend : `${backend}/${slot}`;
    return where === '' || reason.includes(where) ? reason : `${where}: ${reason}`;
  });
  const [first, ...rest] = sentences;
  if (first === undefined) return null;
  return rest.length === 0 ? first : `${first} (and ${rest.length} more)`;
}

interface KeptSnapshot {
  readonly kept: InstanceReport['snapshot'];
  readonly problems: readonly Problem[];
}

async function keepSnapshot(
  ports: SyncPorts,
  fleet: Fleet,
  instance: Instance,
  { snapshots }: ApplyOptions,
  memory: InstanceReport | null,
  state: ServersState | null,
): Promise<KeptSnapshot> {
  const last = memory?.snapshot ?? null;
  if (state === null) return { kept: last, problems: [] };
  const nowMs = ports.now();
  const tooSoon = last !== null && nowMs - last.atMs < fleet.snapshotEveryMs;
  if (snapshots === 'when-due' && tooSoon) return { kept: last, problems: [] };
  const digest = digestOf(state.servers);
  if (snapshots === 'when-due' && digest === last?.digest) return { kept: last, problems: [] };
  try {
    await ports.store.put(stateSnapshotKey(fleet.name, instance.name), state.raw);
    return { kept: { digest, atMs: nowMs }, problems: [] };
  } catch (failed) {
    const reason = failed instanceof Error ? failed.message : String(failed);
    return { kept: last, problems: [{ backend: '', slot: null, reason }] };
  }
}

/** Over what an administrator decides: HAProxy's own checks and counters change all the time. */
function digestOf(servers: readonly ObservedServer[]): string {
  const lines = servers.map(
    ({ backend, server, address, port, adminMask, weight }) =>
      `${backend} ${server} ${address} ${port} ${adminMask} ${weight}`,
  );
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}

function tell({ log }: SyncPorts, fleet: Fleet, report: InstanceReport, tookMs: number): void {
  const { instance, generation, commands, reason, converged } = report;
  const facts = { fleet: fleet.name, instance, generation, commands, ms: Math.round(tookMs) };
  if (converged) log({ event: 'instance_applied', level: 'debug', ...facts });
  else log({ event: 'instance_lagging', level: 'warn', ...facts, reason });
}
