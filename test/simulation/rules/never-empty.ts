import type { Rule } from '../rules.ts';
import { servingTargets } from './named-slots.ts';

export const neverEmpty: Rule = {
  number: 1,
  name: 'never-empty',
  sentence:
    'A backend that has servers keeps at least one in rotation, in the table and on every instance, unless allow_empty says otherwise or operators hold the others.',

  watch({ fleet, holds }, violated) {
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
        operated.set(`${process.pid} ${server.backend}`, process.time.elapsedMs);
      },

      changed({ process, server, rotationBefore, line }, session) {
        const { backend } = server;
        if (session.shared) return;
        if (rotationBefore.length === 0 || process.rotation(backend).length > 0) return;
        const policy = fleet.backends.find((one) => one.backend === backend);
        const meantEmpty = servingTargets(session.sandbox.table, backend).size === 0;
        if (policy?.allowEmpty === true && meantEmpty) return;
        const held = holds
          .all()
          .some((hold) => hold.instance.name === process.instance && hold.backend === backend);
        if (holds.mayBeHeld(process.instance, backend)) return;
        const touched = operated.get(`${process.pid} ${backend}`) ?? Number.NEGATIVE_INFINITY;
        // An operator who acts while a pass is under way cannot be foreseen by it.
        if (held || touched > process.time.elapsedMs - 15_000) return;
        violated(`nobody is in rotation in ${backend} on ${process.instance} after \`${line}\``);
      },
    };
  },
};
