/** Steps two to four of a pass, for one instance: read, plan, carry out, read back, snapshot. Never throws. */

import type { Fleet, Instance } from '../model/fleet.ts';
import type { Change, Problem } from '../model/plan.ts';
import type { InstanceReport } from '../model/report.ts';
import { bringToTable, type Progress } from './bring-to-table.ts';
import { keepSnapshot, type Snapshots } from './keep-snapshot.ts';
import type { Knowledge, Known } from './knowledge.ts';
import type { SyncPorts } from './ports.ts';
import { reach } from './reach.ts';
import { propagationMs } from './trail.ts';
import { nothingNew, whatWasSeen } from './what-was-seen.ts';

export interface ApplyOptions {
  readonly snapshots: Snapshots;
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
  /** The report that the pass went on from. */
  readonly remembered: InstanceReport | null;
  readonly changes: readonly Change[];
  readonly problems: readonly Problem[];
  readonly tookMs: number;
  /** From the event until what it announced was read back here; null: nothing that was announced came with this. */
  readonly propagationMs: number | null;
}

export async function applyInstance(
  ports: SyncPorts,
  fleet: Fleet,
  instance: Instance,
  knowledge: Knowledge,
  options: ApplyOptions,
): Promise<Applied> {
  const startedMs = performance.now();
  const observedAtMs = ports.now();
  const { progress, failure } = await applyOverSession(ports, fleet, instance, knowledge, options);
  const known = progress === null ? nothingSeen(await knowledge.current(), instance) : progress;
  const { table, last, look } = known;
  const memory = last.report;
  const state = failure === null && look !== null ? look.state : null;
  const snapshot = await keepSnapshot(ports, fleet, instance, options.snapshots, memory, state);
  const problems = [...known.problems, ...(failure === null ? [] : [failure])];
  const reason = reasonOf([...problems, ...snapshot.problems]);
  const newly = reason === null && memory?.applied?.generation !== table.generation;
  const appliedAtMs = ports.now();
  const tookUntilAppliedMs = newly ? propagationMs(table, memory, appliedAtMs) : null;
  const seen = known.look === null ? nothingNew(memory) : whatWasSeen(known, observedAtMs);
  const report: InstanceReport = {
    version: 1,
    fleet: fleet.name,
    instance: instance.name,
    generation: table.generation,
    converged: reason === null,
    reason,
    observedAtMs,
    ...seen,
    applied: newly ? { generation: table.generation, atMs: appliedAtMs } : (memory?.applied ?? null),
    propagation:
      tookUntilAppliedMs === null
        ? (memory?.propagation ?? null)
        : { generation: table.generation, ms: tookUntilAppliedMs },
    commands: known.commands,
    snapshot: snapshot.kept,
  };
  const tookMs = performance.now() - startedMs;
  tell(ports, fleet, report, memory, tookMs);
  return {
    ...{ report, remembered: memory, changes: known.changes, problems, tookMs },
    propagationMs: tookUntilAppliedMs,
  };
}

/** Of an instance that could not be asked. */
type Unseen = Omit<Progress, 'look' | 'plan'> & { readonly look: null };

function nothingSeen({ table, memory }: Known, { name }: Instance): Unseen {
  const last = memory.of(name);
  const none = { changes: [], commands: 0, problems: [], undeletable: [] };
  return { look: null, table, last, ...none, missingSlots: last.report?.missingSlots ?? [] };
}

interface Outcome {
  /** Null: the instance could not be asked. */
  readonly progress: Progress | null;
  readonly failure: Problem | null;
}

/** Whatever the instance does, it ends in an outcome: one bad load balancer harms no other. */
async function applyOverSession(
  ports: SyncPorts,
  fleet: Fleet,
  instance: Instance,
  knowledge: Knowledge,
  { signal, hurry = false }: ApplyOptions,
): Promise<Outcome> {
  const deadline = AbortSignal.timeout(fleet.timeoutMs);
  const either = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
  const recalling = knowledge.current().then(({ memory }) => memory.of(instance.name));
  let progress: Progress | null = null;
  const onProgress = (made: Progress) => {
    progress = made;
  };
  try {
    const session = await reach(ports, fleet, instance, recalling, { signal: either, hurry });
    try {
      const { now } = ports;
      const done = await bringToTable({ session, fleet, instance, knowledge, now, onProgress });
      return { progress: done, failure: null };
    } finally {
      await session.close();
    }
  } catch (failed) {
    const reason = failed instanceof Error ? failed.message : String(failed);
    return { progress, failure: { backend: '', slot: null, reason } };
  }
}

/** What two applications, one after the other, did to one instance; how it is now is what the later one says. */
export function together(earlier: Applied | undefined, later: Applied): Applied {
  if (earlier === undefined) return later;
  return {
    ...later,
    remembered: earlier.remembered,
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

function tell(
  { log }: SyncPorts,
  fleet: Fleet,
  report: InstanceReport,
  memory: InstanceReport | null,
  tookMs: number,
): void {
  const { instance, generation, commands, reason, converged } = report;
  const facts = { fleet: fleet.name, instance, generation, commands, ms: Math.round(tookMs) };
  if (converged) log({ event: 'instance_applied', level: 'debug', ...facts });
  else log({ event: 'instance_lagging', level: 'warn', ...facts, reason });
  for (const note of report.notes ?? []) {
    if (memory?.notes?.includes(note) !== true)
      log({ event: 'instance_noted', level: 'info', fleet: fleet.name, instance, note });
  }
}
