/**
 * How the lines of one connection travel: those that were written together come in together, or each line alone, after
 * a moment of its own. Then the lines of passes that work on one instance at the same time come in between each other,
 * as they do where two machines write: HAProxy takes one line from a connection and looks at the next one.
 */

import type { Random } from './random.ts';

export interface LineDelays {
  /** Milliseconds from one line to the next, at least and at most. */
  readonly usualMs: readonly [number, number];
  /** How many of all lines, 0 to 1, are held up for longer than that. */
  readonly heldUp: number;
}

const HELD_UP_MS = [15, 30, 60, 200, 700, 1_500];

/** Null: lines stay together. */
export function lineDelaysOf(random: Random): LineDelays | null {
  if (random.chance(0.3)) return null;
  return {
    usualMs: random.pick([
      [0, 0],
      [0, 1],
      [0, 4],
      [0, 15],
    ] as const),
    heldUp: random.pick([0, 0.005, 0.02]),
  };
}

/** Milliseconds that this line comes after the one before it. */
export function delayMs(random: Random, { usualMs, heldUp }: LineDelays): number {
  return random.chance(heldUp) ? random.pick(HELD_UP_MS) : random.between(...usualMs);
}

/** Each line with its end; the last one may have none yet. */
export function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf('\n', from);
    const next = end === -1 ? bytes.length : end + 1;
    lines.push(bytes.subarray(from, next));
    from = next;
  }
  return lines;
}
