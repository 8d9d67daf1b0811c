/** Steps two to four of a pass, for one instance: read, plan, carry out, read back, snapshot. Never throws. */

import { createHash } from 'node:crypto';
import type { Fleet, Instance } from '../model/fleet.ts';
import type { ObservedServer } from '../model/observed.ts';
import type { Change, PlannedHold, Problem } from '../model/plan.ts';
import type { InstanceReport, OperatorHeld } from '../model/report.ts';
import { verifiedSlots } from '../plan/verified-slots.ts';
import type { ServersState } from '../runtime-api/runtime-session.ts';
import { stateSnapshotKey } from '../store/keys.ts';
import { bringToTable, type Progress } from './bring-to-table.ts';
import type { Knowledge, Known } from './knowledge.ts';
import { type Look, memoryAt } from './look.ts';
import type { SyncPorts } from './ports.ts';
import { reach } from './reach.ts';
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
  const snapshot = await keepSnapshot(ports, fleet, instance, options, memory, state);
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

type Seen = Pick<InstanceReport, 'pid' | 'haproxy' | 'readAtMs' | 'operatorHeld' | 'missingSlots'> &
  Partial<Pick<InstanceReport, 'startedAtSeconds' | 'verified' | 'undeletable' | 'notes'>>;

/** Of an instance that could not be asked: what was known of it before. */
function nothingNew(memory: InstanceReport | null): Seen {
  const { haproxy = null, readAtMs = null, operatorHeld = [], missingSlots = [] } = memory ?? {};
  const verified = memory?.verified;
  return { pid: null, haproxy, readAtMs, operatorHeld, missingSlots, ...(verified && { verified }) };
}

function whatWasSeen(progress: Progress, observedAtMs: number): Seen {
  const { look, plan, table, last } = progress;
  const memory = memoryAt(look, last);
  const { pid, startedAtSeconds } = look.process;
  const notes = plan.notes.length === 0 ? {} : { notes: plan.notes };
  const undeletable = [...new Set([...memory.undeletable, ...progress.undeletable])];
  return {
    ...{ pid, startedAtSeconds, haproxy: look.info.version, readAtMs: look.readAtMs },
    operatorHeld: plan.operatorHeld.map((held) => heldNow(held, look, last.report, observedAtMs)),
    missingSlots: progress.missingSlots,
    verified: verifiedSlots(table, look.state.servers, memory),
    ...(undeletable.length > 0 && { undeletable }),
    ...notes,
  };
}

/** What is remembered and not seen is held on the process on which it was seen last: the next one is to have it, too. */
function heldNow(
  { seen, ...held }: PlannedHold,
  { process }: Look,
  memory: InstanceReport | null,
  observedAtMs: number,
): OperatorHeld {
  const before = memory?.operatorHeld.find(
    (one) =>
      one.backend === held.backend && one.slot === held.slot && one.servingSinceMs === held.servingSinceMs,
  );
  const sinceMs = before === undefined ? observedAtMs : before.sinceMs;
  const { pid, startedAtSeconds } = seen || before === undefined ? process : before;
  return {
    ...{ ...held, pid },
    ...(startedAtSeconds !== undefined && { startedAtSeconds }),
    ...(sinceMs !== undefined && { sinceMs }),
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
  // One that a fast clock dates in the future is due.
  const ageMs = last === null ? Number.POSITIVE_INFINITY : nowMs - last.atMs;
  const tooSoon = ageMs >= 0 && ageMs < fleet.snapshotEveryMs;
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
