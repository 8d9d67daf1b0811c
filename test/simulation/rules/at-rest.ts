import { adminWord, targetOf } from '../haproxy-process.ts';
import type { Rule, Scene } from '../rules.ts';
import type { SimulatedInstance } from '../simulated-instance.ts';
import { isAllHeld } from './heals.ts';
import { namedSlots } from './named-slots.ts';

/** What a pass says of a server that has to wait, for a reason that no other pass is. */
const WAITS = /are in use; it waits for their end|its configuration lacks|given up|no other server/;

export const atRest: Rule = {
  number: 7,
  name: 'at-rest',
  sentence:
    'After the last of any number of passes that nothing else disturbed, however their lines came in between each other, every endpoint that the table serves is in rotation; and nobody rests who says converged while one is not.',

  watch(scene, violated) {
    const { world } = scene;
    /** By instance: when an operator last did something. */
    const operated = new Map<string, number>();
    /** By instance: when a pass last looked, and with which table. */
    const looked = new Map<string, { readonly tick: number; readonly generation: number }>();
    return {
      replied({ instance, table }, line) {
        if (!line.startsWith('show servers state')) return;
        looked.set(instance.name, { tick: world.tick(), generation: table?.generation ?? 0 });
      },

      operated({ instance }) {
        operated.set(instance, world.tick());
      },

      rested({ begunTick, begunMs }) {
        const isDisturbed = world.faultTick > begunTick;
        for (const instance of scene.instances) {
          const { process, condition, disturbedMs } = instance;
          if (process === null || condition !== 'well' || disturbedMs >= begunMs) continue;
          if ((operated.get(instance.name) ?? 0) > begunTick) continue;
          const report = scene.reportOf(instance.name);
          const table = scene.published.at(-1)?.table;
          const last = looked.get(instance.name);
          if (last === undefined || last.tick < begunTick || last.generation !== table?.generation) continue;
          const claims = report?.converged === true && report.generation === table?.generation;
          if (isDisturbed || (!claims && WAITS.test(report?.reason ?? 'given up'))) continue;
          for (const what of missing(scene, instance))
            violated(`${what}, and its report says ${report?.reason ?? 'converged'}`);
        }
      },
    };
  },
};

/** Who is to be in rotation and is not. */
function missing(scene: Scene, instance: SimulatedInstance): readonly string[] {
  const table = scene.published.at(-1)?.table ?? null;
  return scene.fleet.backends.flatMap(({ backend, weights }) => {
    if (isAllHeld(scene, instance, backend)) return [];
    return namedSlots(table, backend).flatMap(({ name, slot, target }) => {
      const seen = instance.process?.server(backend, name);
      if (slot.state !== 'serving' || seen === undefined) return [];
      if (scene.holds.of(instance.name, backend, name) !== undefined) return [];
      const weight = weights ? slot.weight : Math.max(1, seen.weight);
      const isRight =
        adminWord(seen.admin) === 'ready' && targetOf(seen) === target && seen.weight === weight;
      if (isRight) return [];
      const state = `${adminWord(seen.admin)} with weight ${seen.weight} at ${targetOf(seen)}`;
      return [`${backend}/${name} on ${instance.name} rests ${state}, the table serves ${target} there`];
    });
  });
}
