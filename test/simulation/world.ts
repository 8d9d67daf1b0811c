/** What all parts of one simulation share: time, chance, the story so far, and what the rules object to. */

import { createRandom, type Random } from './random.ts';
import { VirtualTime } from './virtual-time.ts';

/** A rule that did not hold. */
export interface Violation {
  readonly invariant: string;
  readonly what: string;
  readonly atMs: number;
}

export interface World {
  readonly seed: number;
  readonly time: VirtualTime;
  /** Of the course of events; parts of the world fork their own. */
  readonly random: Random;
  /** False once the faults have stopped. */
  faults: boolean;
  /** How many of the faults happen, 0 to 1. */
  faultShare: number;
  /** When the last one happened, by `tick`. */
  faultTick: number;
  /** What no order of lines can prevent (design.md, rule 3), by name: how often it happened. */
  readonly excuses: Map<string, number>;
  readonly story: string[];
  readonly violations: Violation[];
  /** Rises with everything that happens, so that what happened first can be told at the same millisecond. */
  tick(): number;
  /** Rises with every call; not for the rules, so that the course is the same whoever watches. */
  serial(): number;
  /** Adds a line to the story. */
  tell(line: string): void;
  violated(invariant: string, what: string): void;
  excused(name: string): void;
  /** A fault of this probability, while there are faults. */
  fault(probability: number): boolean;
}

export function createWorld(seed: number): World {
  const time = new VirtualTime();
  const random = createRandom(seed);
  const chance = random.fork('faults');
  const story: string[] = [];
  const violations: Violation[] = [];
  let ticks = 0;
  let serials = 0;
  const stamp = () => (time.elapsedMs / 1000).toFixed(3).padStart(9);
  const world: World = {
    seed,
    time,
    random,
    faults: true,
    faultShare: 1,
    faultTick: 0,
    excuses: new Map(),
    story,
    violations,
    tick: () => (ticks += 1),
    serial: () => (serials += 1),
    tell: (line) => {
      story.push(`${stamp()}  ${line}`);
    },
    violated(invariant, what) {
      violations.push({ invariant, what, atMs: time.elapsedMs });
      world.tell(`BROKEN ${invariant}: ${what}`);
    },
    excused(name) {
      world.excuses.set(name, (world.excuses.get(name) ?? 0) + 1);
    },
    fault(probability) {
      const happens = chance.chance(probability * world.faultShare) && world.faults;
      if (happens) world.faultTick = world.tick();
      return happens;
    },
  };
  return world;
}
