import { adminWord, isInRotation, targetOf } from '../haproxy-process.ts';
import type { Rule } from '../rules.ts';
import { namedSlots } from './named-slots.ts';

export const readBack: Rule = {
  number: 5,
  name: 'read-back',
  sentence:
    'A server comes into rotation only where its address is in effect and was read back after it was set, and a report says converged only when the last read showed what the table asks for.',

  watch(scene, violated) {
    /** By process, backend and server: which session changed it last, or null: an operator; and when. */
    const changes = new Map<string, { readonly session: number | null; readonly tick: number }>();
    return {
      operated(process, server) {
        const name = `${process.pid} ${server.backend}/${server.name}`;
        changes.set(name, { session: null, tick: scene.world.tick() });
      },

      changed({ process, server, before, line }, session) {
        const name = `${process.pid} ${server.backend}/${server.name}`;
        changes.set(name, { session: session.id, tick: scene.world.tick() });
        if (isInRotation(before) || !isInRotation(server)) return;
        const where = `${server.backend}/${server.name} on ${process.instance}`;
        if (!server.checked) violated(`\`${line}\`: ${where} comes into rotation, and its checks do not run`);
        if (server.moving !== null && targetOf(server.moving) !== targetOf(server))
          return violated(`\`${line}\`: ${where} comes into rotation while its address is on its way`);
        const read = session.read?.servers.get(`${server.backend}/${server.name}`);
        if (read === undefined || targetOf(read) !== targetOf(server))
          violated(`\`${line}\`: ${where} comes into rotation, and its address was not read back`);
      },

      reported({ report, session }) {
        if (!report.converged || session?.read == null) return;
        const table = scene.published.find(({ table }) => table.generation === report.generation)?.table;
        if (table === undefined)
          return violated(`${report.instance} reports a generation that was never published`);
        for (const { backend } of scene.fleet.backends) {
          for (const { name, slot, target } of namedSlots(table, backend)) {
            const seen = session.read.servers.get(`${backend}/${name}`);
            if (slot.state !== 'serving' || seen === undefined) continue;
            // What an operator or another pass does while a pass is under way is in the next one's report.
            const change = changes.get(`${session.process.pid} ${backend}/${name}`);
            const isOther = change !== undefined && change.session !== session.id;
            if (isOther && change.tick > (session.firstReadTick ?? 0)) continue;
            const held = report.operatorHeld.some((one) => one.slot === name && one.backend === backend);
            const right = targetOf(seen) === target && (held || adminWord(seen.admin) === 'ready');
            if (!right)
              violated(
                `${report.instance} reports converged, but ${backend}/${name} is ${adminWord(seen.admin)} at ${targetOf(seen)}`,
              );
          }
        }
      },
    };
  },
};

export const rightTenant: Rule = {
  number: 5,
  name: 'right-tenant',
  sentence:
    'A request goes where HAProxy says that its server is, and that is an endpoint which the table gave to this slot at some time.',

  watch(scene, violated) {
    /** By process and server: where it was when its address was changed while it served, because it was the only one. */
    const changedLive = new Map<string, Set<string>>();
    return {
      changed({ process, server, line, before, rotationBefore }) {
        if (!line.includes(' addr ') || !isInRotation(before)) return;
        const name = `${process.pid} ${server.backend}/${server.name}`;
        if (rotationBefore.length === 1)
          changedLive.set(name, (changedLive.get(name) ?? new Set()).add(targetOf(before)));
        else violated(`\`${line}\` on ${process.instance} changes the address of a server in rotation`);
      },

      requested({ process, server, target }) {
        const where = `${server.backend}/${server.name} on ${process.instance}`;
        const formerly = changedLive.get(`${process.pid} ${server.backend}/${server.name}`);
        if (target !== targetOf(server) && formerly?.has(target) !== true)
          violated(`a request to ${where} goes to ${target}, its former tenant`);
        if (!scene.wasGiven(server.backend, server.name, target))
          violated(`a request to ${where} goes to ${target}, which it never was given`);
      },
    };
  },
};
