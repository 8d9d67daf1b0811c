/** Runs one case: two passes, the first held up at one line while the second does all of its work. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Case } from './cases.ts';
import { happen, say } from './events.ts';
import type { Admit } from './gate.ts';
import type { PassEnd, PassRun } from './pass-run.ts';
import { BASE, type Course, register, type World } from './world.ts';

/** A pass that is not at its end by then will not be. */
const PATIENCE_MS = 25_000;
/** Enough to ask every server of the backend. */
const A_ROUND = 6;

export interface Ran {
  readonly course: Course;
  /** The line that was held back; null: the pass had ended before it came to that. */
  readonly heldLine: string | null;
  /** By pass, in the order in which they began; null: it was killed, undefined: it never ended. */
  readonly ends: ReadonlyMap<string, PassEnd | null | undefined>;
  /** Passes that were killed. */
  readonly killed: ReadonlySet<string>;
  /** The case's time when the first pass went on, and when the last one had ended. */
  readonly resumedAt: number;
  readonly endedAt: number;
}

/** Who is registered, served and held when a case begins. */
export async function prepare(world: World, { room, first, second }: Omit<Case, 'nth' | 'ending' | 'later'>) {
  if (room === 'fresh') return world.begin(room, ['second', 'third']);
  const registered = BASE.filter((id) => first !== 'arrival' || id !== 'subject');
  const drains = [first, second].includes('end of a drain');
  const course = await world.begin(room, drains ? ['draining'] : registered);
  if (drains) {
    await undisturbed(world, course, 'base');
    await world.holdRequest(course);
    course.registered.delete('draining');
    for (const id of registered)
      register(course, id, { tenant: id, weight: 1, status: 'passing' }, world.keyOf);
  }
  await undisturbed(world, course, 'base');
  await say(world, course, 'held', 'drain');
  await undisturbed(world, course, 'base');
  course.servedFrom = course.trace.now;
  return course;
}

/** @throws Error when it does not converge: then a case would prove nothing. */
async function undisturbed(world: World, course: Course, name: string): Promise<void> {
  const end = await ended(world.pass(course, name));
  if (end?.reason !== null) throw new Error(`${name} pass: ${end?.reason ?? 'it did not end'}`);
}

/** How many lines the first pass has when nobody disturbs it. */
export async function linesOf(world: World, pair: Omit<Case, 'nth' | 'ending' | 'later'>): Promise<number> {
  const course = await prepare(world, pair);
  try {
    await happen(world, course, pair.first);
    const run = world.pass(course, 'first');
    await ended(run);
    return run.lines();
  } finally {
    await world.end(course);
  }
}

export async function runCase(world: World, one: Case): Promise<Ran> {
  const course = await prepare(world, one);
  try {
    return await interleave(world, course, one);
  } finally {
    await world.end(course);
  }
}

async function interleave(
  world: World,
  course: Course,
  { first, second, nth, ending, later }: Case,
): Promise<Ran> {
  const ends = new Map<string, PassEnd | null | undefined>();
  const { trace, traffic } = course;
  const endFirst = await happen(world, course, first);
  const hold = holdAt(nth);
  const run = world.pass(course, 'first', hold.admit);
  const heldLine = await Promise.race([hold.reached(nth), run.ended.then(() => null)]);
  ends.set('first', null);

  endFirst?.();
  const endSecond = await happen(world, course, second);
  ends.set('second', await ended(world.pass(course, 'second')));
  if (endSecond !== undefined) {
    endSecond();
    ends.set('third', await ended(world.pass(course, 'third')));
  }
  course.servedFrom ??= trace.now;
  await traffic.some(A_ROUND);

  const resumedAt = trace.now;
  const killed = new Set<string>();
  const kill = () => {
    killed.add('first');
    run.kill();
  };
  if (ending === 'killed') kill();
  else if (ending === 'goes on') {
    hold.goOn();
    ends.set('first', await ended(run));
  } else {
    hold.goOn(nth + later);
    await Promise.race([hold.reached(nth + later), run.ended]);
    kill();
    ends.set('last', await ended(world.pass(course, 'last')));
  }
  const endedAt = trace.now;
  await traffic.some(A_ROUND);
  return { course, heldLine, ends, killed, resumedAt, endedAt };
}

interface Hold {
  readonly admit: Admit;
  /** Resolves with line `nth` when it is held; `nth` must be one that is. */
  readonly reached: (nth: number) => Promise<string>;
  /** @param until the next line that is held; absent: none is. */
  readonly goOn: (until?: number) => void;
}

function holdAt(nth: number): Hold {
  const reached = new Map<number, PromiseWithResolvers<string>>();
  const at = (number: number) => {
    const known = reached.get(number) ?? Promise.withResolvers<string>();
    reached.set(number, known);
    return known;
  };
  let release = Promise.withResolvers<void>();
  let next: number | undefined = nth;
  return {
    admit(line) {
      if (next === undefined || line.nth < next) return undefined;
      at(next).resolve(line.text);
      return release.promise;
    },
    reached: (number) => at(number).promise,
    goOn(until) {
      const { resolve } = release;
      next = until;
      release = Promise.withResolvers<void>();
      resolve();
    },
  };
}

/** Undefined: it did not end in time. */
async function ended(run: PassRun): Promise<PassEnd | undefined> {
  const patience = new AbortController();
  const late = sleep(PATIENCE_MS, undefined, { signal: patience.signal }).catch(() => undefined);
  const end = await Promise.race([run.ended, late]);
  patience.abort();
  return end ?? undefined;
}
