import { adminWord, targetOf } from '../haproxy-process.ts';
import type { Hold, Rule, Scene } from '../rules.ts';
import { namedSlots, servingTargets } from './named-slots.ts';

export const operatorsHand: Rule = {
  number: 3,
  name: 'operators-hand',
  sentence:
    'What an operator put in drain or maint stays so for as long as its endpoint serves in the table, keeps its slot, is in the report, and is restored in a new process.',

  watch(scene, violated) {
    return {
      changed({ process, server, line, before }, session) {
        const hold = scene.holds.of(process.instance, server.backend, server.name);
        if (hold === undefined) return;
        if (hold.pid !== process.pid) {
          if (!stillServes(hold, session.sandbox.table)) scene.holds.end(hold, 'its endpoint left');
          return;
        }
        const stays = targetOf(before) === targetOf(server) && server.moving === null;
        // Another real weight changes nothing about who takes requests.
        if (stays && before.admin === server.admin && (before.weight === server.weight || server.weight > 0))
          return;
        if (session.shared) return scene.holds.end(hold, 'two passes at once');
        // A session that looked before the operator acted could not know.
        if (session.read === null || session.read.tick < hold.tick)
          return scene.holds.end(hold, 'a pass under way did not know of it');
        if (!stillServes(hold, session.sandbox.table)) return scene.holds.end(hold, 'its endpoint left');
        violated(`\`${line}\` undoes the operator's ${hold.state} of ${hold.server} on ${process.instance}`);
      },

      published({ table }) {
        for (const hold of scene.holds.all()) {
          if (!stillServes(hold, table)) hold.left = true;
        }
      },

      healed() {
        for (const hold of scene.holds.all()) check(scene, hold, violated);
      },
    };
  },
};

function stillServes(hold: Hold, table: Scene['published'][number]['table'] | null): boolean {
  return servingTargets(table, hold.backend).get(hold.target)?.name === hold.server;
}

function check(scene: Scene, hold: Hold, violated: (what: string) => void): void {
  const { instance, backend, server, state, target } = hold;
  const process = instance.process;
  const seen = process?.server(backend, server);
  const same = process?.pid === hold.pid;
  if (!stillServes(hold, scene.published.at(-1)?.table ?? null)) return;
  // Nobody can know of what was neither reported nor is to be seen any more.
  if (seen === undefined || !(same || hold.reported)) return;
  const where = `${backend}/${server} on ${instance.name}`;
  if (adminWord(seen.admin) !== state || targetOf(seen) !== target)
    violated(`${where} should be in ${state} at ${target}, as its operator left it`);
  const report =
    scene.store.read(`fleets/${scene.fleet.name}/instances/${instance.name}/report.json`) ?? '{}';
  const listed: unknown = JSON.parse(report).operatorHeld;
  const named = Array.isArray(listed) && listed.some((one) => one.slot === server && one.backend === backend);
  if (!named) violated(`the report of ${instance.name} does not have ${where}, which is held`);
  const slot = namedSlots(scene.published.at(-1)?.table ?? null, backend).find(({ name }) => name === server);
  if (slot?.target !== target) violated(`the slot of ${where} was given away`);
}
