/** Every pair of passes, every point at which the first is held up, and what becomes of it then. */

import { EVENTS, type EventName } from './events.ts';
import type { Room } from './world.ts';

/**
 * `killed` at the very line at which it is held; `killed later` after it has gone on for some lines, as one does that
 * was frozen and then runs out of time.
 */
export type Ending = 'goes on' | 'killed' | 'killed later';
export const ENDINGS: readonly Ending[] = ['goes on', 'killed', 'killed later'];

export interface Pair {
  readonly room: Room;
  readonly first: EventName;
  readonly second: EventName;
}

export interface Case extends Pair {
  /** The line of the first pass that is held back, from 1. */
  readonly nth: number;
  readonly ending: Ending;
  /** With `killed later`: how many lines later. */
  readonly later: number;
}

export const PAIRS: readonly Pair[] = [
  ...pairs('fresh', ['arrival'], EVENTS),
  ...pairs('roomy', EVENTS, EVENTS),
  ...pairs('tight', EVENTS, EVENTS).filter(fitsTight),
];

function pairs(room: Room, firsts: readonly EventName[], seconds: readonly EventName[]): Pair[] {
  return firsts.flatMap((first) => seconds.map((second) => ({ room, first, second })));
}

/** Nothing drains there, and no slot is free for one more. */
function fitsTight({ first, second }: Pair): boolean {
  if ([first, second].includes('end of a drain')) return false;
  return second !== 'arrival' || first === 'departure';
}

/** @param lines how many an undisturbed first pass has. */
export function casesOf(pair: Pair, lines: number): Case[] {
  return Array.from({ length: lines }, (_, index) => index + 1).flatMap((nth) =>
    ENDINGS.map((ending) => ({ ...pair, nth, ending, later: 1 + ((nth * 7) % Math.max(1, lines - nth)) })),
  );
}

/** About `count` of them, other ones with another seed; never none. */
export function sampled<T>(all: readonly T[], count: number, random: () => number): T[] {
  const left = [...all];
  const taken: T[] = [];
  while (left.length > 0 && taken.length < count) {
    taken.push(...left.splice(Math.floor(random() * left.length), 1));
  }
  return taken;
}

export function caseName({ room, first, second, nth, ending, later }: Case): string {
  const how = ending === 'killed later' ? `killed ${later} lines later` : ending;
  return `${room}: ${first} × ${second}, held at line ${nth}, ${how}`;
}
