import type { InstanceReport } from '../../../lib/model/report.ts';
import { stayOf } from '../../../lib/model/slot-table.ts';
import { memoryOf } from '../../../lib/plan/instance-memory.ts';
import { adminWord, isInRotation, targetOf } from '../haproxy-process.ts';
import type { Hold, Rule, Scene } from '../rules.ts';
import type { Session } from '../simulated-instance.ts';
import { leavesHeld, namedSlots, servingTargets } from './named-slots.ts';

export const operatorsHand: Rule = {
  number: 3,
  name: 'operators-hand',
  sentence:
    'What an operator put in drain or maint stays so for as long as its endpoint is registered, whatever its health, keeps its slot, is in the report, and is restored in a new process and when its endpoint is ready again.',

  watch(scene, violated) {
    const reports = new Reports();
    return {
      changed(change, session) {
        const { process, server, line, before } = change;
        const hold = scene.holds.of(process.instance, server.backend, server.name);
        const state = adminWord(server.admin);
        if (leavesHeld(change, session) && hold?.state !== state) {
          if (!scene.holds.mayBeHeld(process, server))
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
        // A table in which it was away may be newer or older than this one.
        if (!stays(hold, session.table) || hold.leftTick !== null)
          return scene.holds.end(hold, 'its endpoint left', true);
        const serves = stillServes(hold, session.table);
        if (!serves) {
          // Whoever takes it out knows of the hold, or it is over.
          if (hold.parkedTick === null && !knows(scene, reports, hold, session))
            return scene.holds.end(hold, 'a pass that did not know of it took its server out');
          hold.parkedTick ??= scene.world.tick();
          return;
        }
        if (!isInRotation(server) || targetOf(server) !== hold.target || server.moving !== null) return;
        if (!knows(scene, reports, hold, session))
          return scene.holds.end(hold, 'a pass under way did not know of it');
        violated(`\`${line}\` undoes the operator's ${hold.state} of ${hold.server} on ${process.instance}`);
      },

      reported({ report, session }) {
        for (const hold of scene.holds.all()) {
          if (hold.instance.name !== report.instance || hold.leftTick !== null) continue;
          if (hold.reportedPid === null && !hasSeen(reports, hold, session)) continue;
          const { backend, server, state } = hold;
          const named = report.operatorHeld.some((one) => one.slot === server && one.backend === backend);
          if (!named) violated(`a report of ${report.instance} forgets the ${state} of ${backend}/${server}`);
        }
        reports.add(scene.world.tick(), report);
      },

      published({ table }) {
        for (const hold of scene.holds.all()) {
          if (stays(hold, table)) continue;
          hold.leftTick = scene.world.tick();
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

/** What an operator did before is restored as it was planned, whatever he has done since. */
function knows(scene: Scene, reports: Reports, hold: Hold, session: Session): boolean {
  if (hold.parkedTick !== null) {
    // What was reported since the session began, it does not know.
    const { firstReadTick } = session;
    return firstReadTick !== null && names(reports.before(firstReadTick, hold.instance.name), hold);
  }
  const readTick = session.read?.tick;
  if (readTick === undefined || readTick <= hold.tick) return false;
  return isTold(hold, session.table, scene.reportOf(hold.instance.name));
}

/** A session that looked at the server while it was out by hand, and could tell whose hand that was. */
function hasSeen(reports: Reports, hold: Hold, session: Session | undefined): boolean {
  if (session?.firstReadTick == null || session.firstReadTick <= hold.tick) return false;
  if (hold.parkedTick !== null && hold.parkedTick < session.firstReadTick) return false;
  const same = hold.pid === hold.instance.process?.pid;
  return same && isTold(hold, session.table, reports.before(hold.tick, hold.instance.name));
}

/** On a slot that does not serve, drain or maint with a real weight is always an operator's: ours has weight 0. */
function isTold(hold: Hold, table: Table, report: InstanceReport | undefined): boolean {
  return !stillServes(hold, table) || names(report, hold) || hasVerified(report, hold, table);
}

function names(report: InstanceReport | undefined, { backend, server }: Hold): boolean {
  return report?.operatorHeld.some((one) => one.backend === backend && one.slot === server) === true;
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
