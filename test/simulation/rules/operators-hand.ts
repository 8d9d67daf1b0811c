import { slotName, slotsOfBackend } from '../../../lib/model/slot-table.ts';
import { memoryOf } from '../../../lib/plan/instance-memory.ts';
import { adminWord, targetOf } from '../haproxy-process.ts';
import type { Hold, Rule, Scene } from '../rules.ts';
import { leavesHeld, namedSlots, servingTargets } from './named-slots.ts';

export const operatorsHand: Rule = {
  number: 3,
  name: 'operators-hand',
  sentence:
    'What an operator put in drain or maint stays so for as long as its endpoint serves in the table, keeps its slot, is in the report, and is restored in a new process.',

  watch(scene, violated) {
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
          if (!stillServes(hold, session.table)) scene.holds.end(hold, 'its endpoint left', true);
          return;
        }
        const stays = targetOf(before) === targetOf(server) && server.moving === null;
        if (stays && before.admin === server.admin && before.weight === server.weight) return;
        // What an operator did before is restored as it was planned, whatever he has done since.
        const readTick = leavesHeld(change, session) ? session.firstReadTick : session.read?.tick;
        const knew = readTick != null && readTick > hold.tick && isKnown(scene, hold, session.table);
        if (!knew) {
          // With another real weight it is held all the same.
          const held = stays && before.admin === server.admin && server.weight > 0;
          if (!held) scene.holds.end(hold, 'a pass under way did not know of it');
          return;
        }
        if (!stillServes(hold, session.table)) return scene.holds.end(hold, 'its endpoint left', true);
        violated(`\`${line}\` undoes the operator's ${hold.state} of ${hold.server} on ${process.instance}`);
      },

      reported({ report }) {
        for (const hold of scene.holds.all()) {
          if (hold.instance.name !== report.instance || hold.reportedPid === null || hold.leftTick !== null)
            continue;
          const { backend, server, state } = hold;
          const named = report.operatorHeld.some((one) => one.slot === server && one.backend === backend);
          if (!named) violated(`a report of ${report.instance} forgets the ${state} of ${backend}/${server}`);
        }
      },

      published({ table }) {
        for (const hold of scene.holds.all()) {
          if (stillServes(hold, table)) continue;
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

/** A word on a server that no report has named held, or seen in rotation, looks like our own unfinished work. */
function isKnown(scene: Scene, { instance, backend, server }: Hold, table: Table): boolean {
  const report = scene.reportOf(instance.name);
  if (report?.operatorHeld.some((one) => one.backend === backend && one.slot === server)) return true;
  const { isVerified } = memoryOf(report ?? null, { pid: 0, startedAtSeconds: 0, toleranceSeconds: 0 });
  const slots = table === null ? undefined : slotsOfBackend(table, backend);
  return (
    slots?.slots.some(
      (slot, index) =>
        slot.state === 'serving' &&
        slotName(slots, index + 1) === server &&
        isVerified(backend, index + 1, slot),
    ) === true
  );
}

type Table = Scene['published'][number]['table'] | null;

function stillServes(hold: Hold, table: Table): boolean {
  return servingTargets(table, hold.backend).get(hold.target)?.name === hold.server;
}

function check(scene: Scene, hold: Hold, violated: (what: string) => void): void {
  const { instance, backend, server, state, target } = hold;
  const process = instance.process;
  const seen = process?.server(backend, server);
  const same = process?.pid === hold.pid;
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
