import type { Rule } from '../rules.ts';
import { leavesHeld, servingTargets } from './named-slots.ts';

export const neverEmpty: Rule = {
  number: 1,
  name: 'never-empty',
  sentence:
    'A backend that has servers keeps at least one in rotation, in the table and on every instance, unless allow_empty says otherwise or operators hold the others.',

  watch({ world, fleet }, violated) {
    /** When an operator last changed something, by process and backend. */
    const operated = new Map<string, number>();
    return {
      published({ table, previous }) {
        for (const { backend, allowEmpty } of fleet.backends) {
          const before = servingTargets(previous, backend).size;
          if (before > 0 && servingTargets(table, backend).size === 0 && !allowEmpty) {
            violated(`generation ${table.generation} takes all ${before} endpoints of ${backend} away`);
          }
        }
      },

      operated(process, server) {
        operated.set(`${process.pid} ${server.backend}`, world.tick());
      },

      changed(change, session) {
        const { process, server, rotationBefore, line } = change;
        const { backend } = server;
        // Two at once can each leave the other's server: neither sees what the other is about to do.
        if (session.contested.has(backend)) return;
        if (rotationBefore.length === 0 || process.rotation(backend).length > 0) return;
        const policy = fleet.backends.find((one) => one.backend === backend);
        const meantEmpty = servingTargets(session.table, backend).size === 0;
        if (policy?.allowEmpty === true && meantEmpty) return;
        // What an operator took out is out again in a new process, whoever is left.
        if (leavesHeld(change, session)) return;
        // What an operator did since the session last looked cannot be foreseen by it.
        const operatedTick = operated.get(`${process.pid} ${backend}`) ?? Number.NEGATIVE_INFINITY;
        if (operatedTick > (session.read?.tick ?? 0)) return;
        violated(`nobody is in rotation in ${backend} on ${process.instance} after \`${line}\``);
      },
    };
  },
};
