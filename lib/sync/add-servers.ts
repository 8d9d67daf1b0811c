/** Servers that a plan adds to a process, and what becomes of a backend that takes none. */

import type { Problem, Step } from '../model/plan.ts';
import { missingSlotsProblem } from '../plan/explain.ts';
import type { RuntimeSession } from '../runtime-api/runtime-session.ts';

export interface AddedServers {
  readonly commands: number;
  /** By step: why its server was not added; steps of one backend share one problem. */
  readonly refused: ReadonlyMap<Step, Problem>;
}

/**
 * Of each backend, one `add server` goes ahead: what HAProxy says to it (a static balance algorithm, an option it does
 * not take), it would say to a thousand others.
 *
 * @param steps each of one `add-server`.
 * @throws SessionLost
 */
export async function addServers(session: RuntimeSession, steps: readonly Step[]): Promise<AddedServers> {
  const refused = new Map<Step, Problem>();
  let commands = 0;
  for (const [backend, own] of Map.groupBy(steps, (step) => step.backend)) {
    const first = await send(session, own.slice(0, 1));
    const rest = first.size > 0 ? [] : own.slice(1);
    const others = await send(session, rest);
    commands += 1 + rest.length;
    const [why] = [...first.values(), ...others.values()];
    if (why === undefined) continue;
    const lacking = own.filter((step) => first.size > 0 || others.has(step));
    const names = lacking.map(({ slot }) => `${backend}/${slot}`);
    const problem = missingSlotsProblem(backend, names, why);
    for (const step of lacking) refused.set(step, problem);
  }
  return { commands, refused };
}

/** The refused steps, with what HAProxy said. */
async function send(session: RuntimeSession, steps: readonly Step[]): Promise<ReadonlyMap<Step, string>> {
  const outcomes = await session.send(steps.flatMap((step) => step.commands));
  return new Map(
    steps.flatMap((step, index): [Step, string][] => {
      const outcome = outcomes[index];
      return outcome === undefined || outcome.done ? [] : [[step, outcome.refused.message]];
    }),
  );
}
