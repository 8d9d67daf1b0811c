import type { Published, Rule, Scene } from '../rules.ts';
import { servingTargets } from './named-slots.ts';

export const noMassRemoval: Rule = {
  number: 2,
  name: 'no-mass-removal',
  sentence:
    'Within any window of `hold`, at most 1 - `keep` of the endpoints that served when the window began go, except those that were withheld for all of `hold`.',

  watch(scene, violated) {
    /** By backend and target: when it went, having been withheld for long enough. */
    const overdue = new Map<string, number>();
    return {
      published(now) {
        for (const { backend, keep, holdMs } of scene.fleet.backends) {
          if (keep === 0 || holdMs === 0) continue;
          const serving = servingTargets(now.table, backend);
          for (const target of servingTargets(now.previous, backend).keys()) {
            if (serving.has(target) || !wasWithheldFor(scene, backend, target, now, holdMs)) continue;
            overdue.set(`${backend} ${target}`, now.decidedMs);
          }
          for (const beganMs of beginnings(scene, now, holdMs)) {
            const served = [...servingTargets(tableAt(scene, beganMs), backend).keys()];
            const gone = served.filter(
              (target) => !serving.has(target) && !((overdue.get(`${backend} ${target}`) ?? 0) > beganMs),
            );
            const limit = Math.floor((1 - keep) * served.length + 0.001);
            if (gone.length <= limit) continue;
            violated(
              `${gone.length} of the ${served.length} endpoints that ${backend} had ${now.decidedMs - beganMs} ms ago are gone (${gone.join(', ')}), ${limit} may be`,
            );
            return;
          }
        }
      },
    };
  },
};

/** The moments at which the endpoints changed, within `hold`, and its beginning. */
function beginnings({ published }: Scene, now: Published, holdMs: number): readonly number[] {
  const oldestMs = now.decidedMs - holdMs;
  const moments = published.map((one) => one.decidedMs).filter((ms) => ms > oldestMs && ms < now.decidedMs);
  return [oldestMs, ...moments];
}

function tableAt({ published }: Scene, atMs: number) {
  return published.findLast((one) => one.decidedMs <= atMs)?.table ?? null;
}

/** In every table of the last `hold`, and not because of an answer without endpoints. */
function wasWithheldFor(
  { published }: Scene,
  backend: string,
  target: string,
  now: Published,
  holdMs: number,
): boolean {
  for (const earlier of published.filter((one) => one !== now).toReversed()) {
    const slot = servingTargets(earlier.table, backend).get(target)?.slot;
    if (slot?.state !== 'serving' || slot.withheld === null || slot.withheld.untilMs === null) return false;
    if (earlier.decidedMs <= now.decidedMs - holdMs) return true;
  }
  return false;
}
