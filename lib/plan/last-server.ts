/**
 * No backend loses its last server: new ones may have failed to come, or an operator may have taken the others out, and
 * then the old ones must not go.
 */

import type { ObservedServer } from '../model/observed.ts';
import type { Problem, Stage } from '../model/plan.ts';

export interface Kept {
  readonly stages: readonly Stage[];
  readonly problems: readonly Problem[];
}

/**
 * Leaves the servers in rotation that the first stage would take out, if there is no other; they take no later step
 * either. A `make` stage takes nobody out, and what is behind it is planned anew once it has been read back.
 *
 * @param servers of one backend, as they are before the first stage.
 */
export function keepLastServer(stages: readonly Stage[], servers: readonly ObservedServer[]): Kept {
  const [first] = stages;
  if (first?.phase !== 'break') return { stages, problems: [] };
  const leaving = new Set(first.steps.map(({ slot }) => slot));
  const rotation = servers.filter(isInRotation).map(({ server }) => server);
  if (rotation.length === 0 || rotation.some((server) => !leaving.has(server)))
    return { stages, problems: [] };
  const kept = new Set(rotation);
  const problems = first.steps
    .filter(({ slot }) => kept.has(slot))
    .map(({ backend, slot }) => ({ backend, slot, reason: HELD_BACK }));
  const others = stages.map(({ phase, steps }) => ({
    phase,
    steps: steps.filter(({ slot }) => !kept.has(slot)),
  }));
  return { stages: others.filter(({ steps }) => steps.length > 0), problems };
}

const HELD_BACK = 'held back: no other server of the backend is in rotation';

/** Ready, and with a weight. */
export function isInRotation({ admin, weight }: ObservedServer): boolean {
  return admin === 'ready' && weight > 0;
}
