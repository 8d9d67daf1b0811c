/** Every choice of a simulation comes from here: one seed, one sequence of numbers. */

export interface Random {
  /** 0 up to, but not including, 1. */
  next(): number;
  /** An integer from `from` to `to`, both included. */
  between(from: number, to: number): number;
  /** True in `probability` (0 to 1) of all cases. */
  chance(probability: number): boolean;
  /** @throws RangeError when there is nothing to choose from. */
  pick<T>(choices: readonly T[]): T;
  /** A copy in another order. */
  shuffled<T>(items: readonly T[]): T[];
  /** An independent sequence, so that one part of the world drawing more numbers does not change the others. */
  fork(name: string): Random;
}

/** @param seed an integer of at most 32 bits. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  // Mulberry32 (Tommy Ettinger, public domain).
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (from: number, to: number) => from + Math.floor(next() * (to - from + 1));
  return {
    next,
    between,
    chance: (probability) => next() < probability,
    pick(choices) {
      const chosen = choices[between(0, choices.length - 1)];
      if (chosen === undefined) throw new RangeError('there is nothing to choose from');
      return chosen;
    },
    shuffled(items) {
      const rest = [...items];
      return items.flatMap(() => rest.splice(between(0, rest.length - 1), 1));
    },
    fork: (name) => createRandom(hashOf(`${seed}/${name}`)),
  };
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return hash >>> 0;
}
