import type { BackendPolicy } from '../../../lib/model/fleet.ts';
import { adminWord, targetOf } from '../haproxy-process.ts';
import type { Rule, Scene } from '../rules.ts';
import type { SimulatedInstance } from '../simulated-instance.ts';
import { truth } from '../truth.ts';
import { namedSlots, servingTargets } from './named-slots.ts';

export const heals: Rule = {
  number: 10,
  name: 'heals',
  sentence:
    'Once faults stop, a few reconciles bring the table to what Consul has and every instance to the table, whatever was lost; and the next one has nothing left to do.',

  watch(scene, violated) {
    let over = false;
    return {
      received({ instance }, line) {
        if (over && !/^(?:prompt|show )/.test(line))
          violated(`${instance.name} is sent \`${line}\` when nothing is left to do`);
      },

      healed() {
        over = true;
        const table = scene.published.at(-1)?.table ?? null;
        for (const policy of scene.fleet.backends) {
          const { backend, weights } = policy;
          const wanted = truth(policy, scene.consul.registrations(policy.service));
          const serving = servingTargets(table, backend);
          // Nobody is to serve, and nobody may go: whoever serves, in the table or not, goes on.
          if (isLeftAlone(scene, policy)) continue;
          const missing = [...wanted.keys()].filter((target) => !serving.has(target));
          const left = [...serving.keys()].filter((target) => !wanted.has(target));
          if (missing.length + left.length > 0)
            violated(
              `${backend} lacks ${missing.join(', ') || 'nobody'} and still has ${left.join(', ') || 'nobody'}`,
            );
          for (const [target, weight] of wanted) {
            const slot = serving.get(target)?.slot;
            if (weights && slot?.state === 'serving' && slot.weight !== weight)
              violated(`${target} of ${backend} has weight ${slot.weight}, Consul says ${weight}`);
          }
          for (const instance of scene.instances) {
            for (const { name, slot, target } of namedSlots(table, backend)) {
              const seen = instance.process?.server(backend, name);
              const where = `${backend}/${name} on ${instance.name}`;
              if (seen === undefined) {
                if (slot.state === 'serving') violated(`${where} is missing`);
                continue;
              }
              if (
                scene.holds.of(instance.name, backend, name) !== undefined ||
                isAllHeld(scene, instance, backend)
              )
                continue;
              const state = adminWord(seen.admin);
              const wantedState = slot.state === 'serving' ? 'ready' : 'maint';
              if (state !== wantedState || (slot.state === 'serving' && targetOf(seen) !== target))
                violated(
                  `${where} is ${state} at ${targetOf(seen)}, the table has ${slot.state} ${target ?? ''}`,
                );
            }
          }
        }
        if (scene.fleet.backends.some((policy) => isLeftAlone(scene, policy))) return;
        for (const instance of scene.instances) {
          if (scene.fleet.backends.some(({ backend }) => isAllHeld(scene, instance, backend))) continue;
          reported(scene, instance.name, violated);
        }
      },
    };
  },
};

/** Consul has nobody who could serve: then the backend stays as it is, whatever that is. */
export function isLeftAlone(scene: Scene, policy: BackendPolicy): boolean {
  return !policy.allowEmpty && truth(policy, scene.consul.registrations(policy.service)).size === 0;
}

/** Operators hold everybody who should serve on this instance: whoever else serves goes on. */
export function isAllHeld(scene: Scene, instance: SimulatedInstance, backend: string): boolean {
  const serving = servingTargets(scene.published.at(-1)?.table ?? null, backend);
  return [...serving.values()].every(
    ({ name }) => scene.holds.of(instance.name, backend, name) !== undefined,
  );
}

function reported(scene: Scene, instance: string, violated: (what: string) => void): void {
  const report = scene.reportOf(instance);
  if (report?.converged !== true) violated(`${instance} did not converge: ${report?.reason ?? 'no report'}`);
}
