import {
  adminWord,
  type HaproxyProcess,
  isInRotation,
  type SimulatedServer,
  targetOf,
} from '../haproxy-process.ts';
import type { Rule, Scene } from '../rules.ts';
import { isContested, namedSlots } from './named-slots.ts';

export const readBack: Rule = {
  number: 5,
  name: 'read-back',
  sentence:
    'A server comes into rotation only where its address is in effect and was read back after it was set, and a report says converged only when the last read showed what the table asks for.',

  watch(scene, violated) {
    /** By process, backend and server: when each session changed it last, and an operator (null). */
    const changes = new Map<string, Map<number | null, number>>();
    /** By instance: what its last report says wrongly, while several passes are at work. */
    const wrong = new Map<string, string>();
    const note = (process: HaproxyProcess, { backend, name }: SimulatedServer, session: number | null) => {
      const key = `${process.pid} ${backend}/${name}`;
      changes.set(key, (changes.get(key) ?? new Map()).set(session, scene.world.tick()));
    };
    return {
      operated(process, server) {
        note(process, server, null);
      },

      changed({ process, server, before, line }, session) {
        note(process, server, session.id);
        if (isContested(session, server) || isInRotation(before) || !isInRotation(server)) return;
        const where = `${server.backend}/${server.name} on ${process.instance}`;
        if (!server.checked) violated(`\`${line}\`: ${where} comes into rotation, and its checks do not run`);
        if (server.moving !== null && targetOf(server.moving) !== targetOf(server))
          return violated(`\`${line}\`: ${where} comes into rotation while its address is on its way`);
        const read = session.read?.servers.get(`${server.backend}/${server.name}`);
        if (read === undefined || targetOf(read) !== targetOf(server))
          violated(`\`${line}\`: ${where} comes into rotation, and its address was not read back`);
      },

      reported({ report, session }) {
        wrong.delete(report.instance);
        if (!report.converged || session?.read == null) return;
        const table = scene.published.find(({ table }) => table.generation === report.generation)?.table;
        if (table === undefined)
          return violated(`${report.instance} reports a generation that was never published`);
        for (const { backend } of scene.fleet.backends) {
          for (const { name, slot, target } of namedSlots(table, backend)) {
            const seen = session.read.servers.get(`${backend}/${name}`);
            if (slot.state !== 'serving' || seen === undefined) continue;
            // What an operator or another pass does while a pass is under way is in the next one's report.
            const others = [...(changes.get(`${session.process.pid} ${backend}/${name}`) ?? [])];
            const isSince = ([by, tick]: readonly [number | null, number]) =>
              by === null && tick > (session.firstReadTick ?? 0);
            if (others.some(isSince) || session.surprised.has(`${backend}/${name}`)) continue;
            const held = report.operatorHeld.some((one) => one.slot === name && one.backend === backend);
            const serves = isInRotation(seen) || (slot.weight === 0 && adminWord(seen.admin) === 'ready');
            if (targetOf(seen) === target && (held || serves)) continue;
            const state = `${adminWord(seen.admin)} with weight ${seen.weight} at ${targetOf(seen)}`;
            const what = `${report.instance} reports converged, but ${backend}/${name} is ${state}`;
            // Who finds that others have seen something else looks again before it ends.
            wrong.set(report.instance, what);
          }
        }
      },

      rested({ begunTick }) {
        const isDisturbed = scene.world.faultTick > begunTick;
        for (const what of isDisturbed ? [] : wrong.values()) violated(what);
        wrong.clear();
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
    /** Servers that somebody changed while another pass changed their backend, until one alone does. */
    const contested = new Set<string>();
    return {
      changed({ process, server, line, before, rotationBefore }, session) {
        const beside = isContested(session, server);
        if (beside) contested.add(`${process.pid} ${server.backend}/${server.name}`);
        else if (server.moving === null && isGiven(scene, server))
          contested.delete(`${process.pid} ${server.backend}/${server.name}`);
        if (beside || !line.includes(' addr ') || !isInRotation(before)) return;
        const name = `${process.pid} ${server.backend}/${server.name}`;
        if (rotationBefore.length === 1)
          changedLive.set(name, (changedLive.get(name) ?? new Set()).add(targetOf(before)));
        else violated(`\`${line}\` on ${process.instance} changes the address of a server in rotation`);
      },

      requested({ process, server, target }) {
        const where = `${server.backend}/${server.name} on ${process.instance}`;
        if (!isTenantOf(scene, server, target))
          violated(`a request to ${where} goes to ${target}, which it never was given`);
        if (contested.has(`${process.pid} ${server.backend}/${server.name}`)) return;
        const formerly = changedLive.get(`${process.pid} ${server.backend}/${server.name}`);
        if (target !== targetOf(server) && formerly?.has(target) !== true)
          violated(`a request to ${where} goes to ${target}, its former tenant`);
        if (!scene.wasGiven(server.backend, server.name, target))
          violated(`a request to ${where} goes to ${target}, where nobody is`);
      },
    };
  },
};

function isGiven(scene: Scene, server: SimulatedServer): boolean {
  return scene.wasGiven(server.backend, server.name, targetOf(server));
}

/** Or nobody is there, for it is the placeholder. */
function isTenantOf(scene: Scene, { backend, name }: SimulatedServer, target: string): boolean {
  const policy = scene.fleet.backends.find((one) => one.backend === backend);
  const isPlaceholder = policy !== undefined && targetOf(policy.placeholder) === target;
  return isPlaceholder || scene.wasGiven(backend, name, target);
}
