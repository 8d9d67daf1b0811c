import type { HeldServer, InstanceReport } from '../../../lib/model/report.ts';
import { stayOf } from '../../../lib/model/slot-table.ts';
import { memoryOf } from '../../../lib/plan/instance-memory.ts';
import { adminWord, isInRotation, targetOf } from '../haproxy-process.ts';
import type { Hold, Rule, Scene } from '../rules.ts';
import type { Session } from '../simulated-instance.ts';
import { HalfDone } from './half-done.ts';
import { isContested, leavesHeld, namedSlots, servingTargets } from './named-slots.ts';

export const operatorsHand: Rule = {
  number: 3,
  name: 'operators-hand',
  sentence:
    'What an operator put in drain or maint stays so for as long as its endpoint is registered, whatever its health, keeps its slot, is in the report, and is restored in a new process and when its endpoint is ready again.',

  watch(scene, violated) {
    const reports = new Reports();
    const halfDone = new HalfDone(scene.world);
    /** By instance: when a pass last looked with the newest table. */
    const lookedTicks = new Map<string, number>();
    /** Holds that a report did not name, and that it should have. */
    const forgotten = new Map<Hold, string>();
    return {
      changed(change, session) {
        halfDone.changed(change, session);
        const { process, server, line, before } = change;
        const hold = scene.holds.of(process.instance, server.backend, server.name);
        const state = adminWord(server.admin);
        if (leavesHeld(change, session) && hold?.state !== state) {
          // Where others change the same, a moment may look like it; what rests or is reported so is told below.
          const isTransient = isContested(session, server);
          if (!isTransient && !scene.holds.mayBeHeld(process, server, session))
            violated(
              `\`${line}\` puts ${server.name} on ${process.instance} in ${state}, and no operator did`,
            );
        }
        if (hold === undefined) return;
        if (hold.pid !== process.pid) {
          if (!stays(hold, session.table)) scene.holds.end(hold, 'its endpoint left', true);
          return;
        }
        const same = targetOf(before) === targetOf(server) && server.moving === null;
        if (same && before.admin === server.admin && before.weight === server.weight) return;
        const isOlder = (session.table?.generation ?? 0) < hold.sinceGeneration;
        // A table in which it was away may be newer or older than this one.
        if (!isOlder && (!stays(hold, session.table) || hold.leftTick !== null))
          return scene.holds.end(hold, 'its endpoint left', true);
        const isKnown = hold.knownBy.has(session.id) || knows(reports, hold, session);
        if (isKnown) hold.knownBy.add(session.id);
        else hold.doubt ??= whyUnknown(hold, session);
        if (!stillServes(hold, session.table)) {
          hold.parkedTick ??= scene.world.tick();
          return;
        }
        if (!isInRotation(server) || targetOf(server) !== hold.target || server.moving !== null) return;
        if (hold.doubt !== null) return;
        violated(`\`${line}\` undoes the operator's ${hold.state} of ${hold.server} on ${process.instance}`);
      },

      reported({ report, session }) {
        for (const hold of scene.holds.all()) {
          if (hold.instance.name !== report.instance || hold.leftTick !== null) continue;
          if (hold.doubt !== null) continue;
          const isLost = report.reason?.includes('lost the Runtime API session') === true;
          // It looked before, and may have seen an earlier one ended: then it looks again before it ends itself.
          if (session !== undefined && (session.firstReadTick ?? 0) <= hold.tick) continue;
          if (hold.reportedPid === null && (isLost || !hasSeen(reports, hold, session))) continue;
          const { backend, server, state } = hold;
          const named = report.operatorHeld.some((one) => one.slot === server && one.backend === backend);
          // Who finds that others have seen something else looks again before it ends.
          const what = `a report of ${report.instance} forgets the ${state} of ${backend}/${server}`;
          if (named) forgotten.delete(hold);
          else if (scene.isAlone()) violated(what);
          else forgotten.set(hold, what);
        }
        const before = reports.before(scene.world.tick(), report.instance);
        for (const named of report.operatorHeld) {
          const { backend, slot } = named;
          const isOld = before?.operatorHeld.some((one) => one.backend === backend && one.slot === slot);
          if (isOld === true || !isPresent(scene, named)) continue;
          if (scene.holds.mayBeNamed(report.instance, named, session)) continue;
          const excuse = halfDone.excuseFor(report.instance, backend, slot);
          if (excuse === null)
            violated(
              `a report of ${report.instance} names ${backend}/${slot} held, and no operator did that`,
            );
          else scene.holds.believed(report.instance, named, excuse);
        }
        reports.add(scene.world.tick(), report);
      },

      rested({ begunTick, begunMs }) {
        const { world } = scene;
        for (const hold of scene.holds.all()) {
          settle(scene, hold, violated);
          const what = forgotten.get(hold);
          if (what !== undefined && hold.doubt === null && world.faultTick < begunTick) violated(what);
          const isUndisturbed = world.faultTick < begunTick && hold.instance.disturbedMs < begunMs;
          const wasLookedAt = (lookedTicks.get(hold.instance.name) ?? 0) > begunTick;
          const isConverged = scene.reportOf(hold.instance.name)?.converged === true;
          if (hold.tick < begunTick && isUndisturbed && isConverged && wasLookedAt && hold.doubt === null)
            check(scene, hold, violated);
        }
        forgotten.clear();
      },

      replied({ instance, table }, line) {
        const newest = scene.published.at(-1)?.table.generation;
        if (line.startsWith('show servers state') && table?.generation === newest)
          lookedTicks.set(instance.name, scene.world.tick());
      },

      published({ table }) {
        for (const hold of scene.holds.all()) {
          if (stays(hold, table)) continue;
          hold.leftTick = scene.world.tick();
          hold.leftGeneration = table.generation;
          // A pass under way may still have the older table.
          if (hold.instance.process?.pid !== hold.pid) scene.holds.end(hold, 'its endpoint left');
        }
      },

      healed() {
        for (const hold of scene.holds.all()) check(scene, hold, violated);
      },
    };
  },
};

/** Every report that was stored, and when. */
class Reports {
  readonly #all: { readonly tick: number; readonly report: InstanceReport }[] = [];

  add(tick: number, report: InstanceReport): void {
    this.#all.push({ tick, report });
  }

  /** The last one of the instance before `tick`. */
  before(tick: number, instance: string): InstanceReport | undefined {
    return this.#all.findLast((one) => one.tick < tick && one.report.instance === instance)?.report;
  }
}

/** What no pass can help: it is counted when it costs a hold. */
function whyUnknown(hold: Hold, { read, table, reportsTick }: Session): string {
  if (reportsTick === 0) return 'a pass that could not read the reports';
  if ((table?.generation ?? 0) < hold.sinceGeneration)
    return "an operator's word beside a pass with an older table";
  return (read?.tick ?? 0) <= hold.tick
    ? "an operator's word between a look and its send"
    : "an operator's word on a slot that no stored report had verified";
}

/** Nobody is at work: whether somebody knows of a hold that nobody need know of is to be seen. */
function settle(scene: Scene, hold: Hold, violated: (what: string) => void): void {
  const { instance, backend, server, state, target, doubt } = hold;
  const process = instance.process;
  if (doubt === null || process === null) return;
  const named = names(scene.reportOf(instance.name), hold);
  const seen = process.server(backend, server);
  const isOut = seen !== undefined && adminWord(seen.admin) === state && targetOf(seen) === target;
  if (named) {
    hold.doubt = null;
    if (!isOut) hold.parkedTick ??= scene.world.tick();
    return;
  }
  scene.world.excused(doubt);
  scene.holds.end(hold, doubt);
  if (isOut && seen.weight > 0 && stillServes(hold, scene.published.at(-1)?.table ?? null))
    violated(`${backend}/${server} on ${instance.name} is in ${state}, and no report names it held`);
}

/** What an operator did before is restored as it was planned, whatever he has done since. */
function knows(reports: Reports, hold: Hold, session: Session): boolean {
  if (hold.parkedTick !== null) {
    // What was reported since the session began, it does not know.
    return names(reports.before(session.reportsTick, hold.instance.name), hold);
  }
  const readTick = session.read?.tick;
  if (readTick === undefined || readTick <= hold.tick) return false;
  return isTold(hold, session, reports.before(session.reportsTick, hold.instance.name));
}

/** A session that looked at the server while it was out by hand, and could tell whose hand that was. */
function hasSeen(reports: Reports, hold: Hold, session: Session | undefined): boolean {
  if (session?.firstReadTick == null || session.firstReadTick <= hold.tick) return false;
  // One look alone may show another pass that is in the middle of a write.
  if (session.read === null || session.read.tick === session.firstReadTick) return false;
  if (hold.parkedTick !== null && hold.parkedTick < session.firstReadTick) return false;
  const same = hold.pid === hold.instance.process?.pid;
  return same && isTold(hold, session, reports.before(session.reportsTick, hold.instance.name));
}

/** On a slot that does not serve, drain or maint with a real weight is always an operator's: ours has weight 0. */
function isTold(hold: Hold, { tables }: Session, report: InstanceReport | undefined): boolean {
  if (names(report, hold)) return true;
  return [...tables].every((table) => !stillServes(hold, table) || hasVerified(report, hold, table));
}

function names(report: InstanceReport | undefined, { backend, server, target }: Hold): boolean {
  const isOwn = (one: HeldServer) =>
    one.backend === backend && one.slot === server && targetOf(one) === target;
  return report?.operatorHeld.some(isOwn) === true;
}

/** A word on a server that no report has seen in rotation looks like our own unfinished work. */
function hasVerified(report: InstanceReport | undefined, { backend, server }: Hold, table: Table): boolean {
  const { isVerified } = memoryOf(report ?? null, { pid: 0, startedAtSeconds: 0, toleranceSeconds: 0 });
  return namedSlots(table, backend).some(
    ({ name, slot }, index) =>
      name === server && slot.state === 'serving' && isVerified(backend, index + 1, slot),
  );
}

type Table = Scene['published'][number]['table'] | null;

/** Its stay is the one of the newest table; another one is not held any more. */
function isPresent(scene: Scene, { backend, slot: server, servingSinceMs }: HeldServer): boolean {
  const table = scene.published.at(-1)?.table ?? null;
  return namedSlots(table, backend).some(
    ({ name, slot }) => name === server && stayOf(slot) === servingSinceMs,
  );
}

/** Its endpoint is in its slot, ready or not, and has been registered all the time. */
function stays(hold: Hold, table: Table): boolean {
  if (stillServes(hold, table)) return true;
  return namedSlots(table, hold.backend).some(({ name, slot }) => {
    const tenant = slot.state === 'free' ? slot.last : slot;
    const own = tenant !== null && targetOf(tenant) === hold.target;
    return own && stayOf(slot) !== null && name === hold.server;
  });
}

function stillServes(hold: Hold, table: Table): boolean {
  return servingTargets(table, hold.backend).get(hold.target)?.name === hold.server;
}

function check(scene: Scene, hold: Hold, violated: (what: string) => void): void {
  const { instance, backend, server, state, target } = hold;
  const process = instance.process;
  const seen = process?.server(backend, server);
  const same = process?.pid === hold.pid && hold.parkedTick === null;
  if (!stillServes(hold, scene.published.at(-1)?.table ?? null)) return;
  // Nobody can know of what was neither reported nor is to be seen any more.
  if (seen === undefined || !(same || hold.reportedPid !== null)) return;
  const where = `${backend}/${server} on ${instance.name}`;
  if (adminWord(seen.admin) !== state || targetOf(seen) !== target)
    violated(`${where} should be in ${state} at ${target}, as its operator left it`);
  const listed = scene.reportOf(instance.name)?.operatorHeld ?? [];
  const named = listed.some((one) => one.slot === server && one.backend === backend);
  if (!named) violated(`the report of ${instance.name} does not have ${where}, which is held`);
  const slot = namedSlots(scene.published.at(-1)?.table ?? null, backend).find(({ name }) => name === server);
  if (slot?.target !== target) violated(`the slot of ${where} was given away`);
}
