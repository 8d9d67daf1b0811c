/** When a service's endpoints come and go during a day: at any time, and in bursts, as deployments make them. */

import type { Random } from '../../simulation/random.ts';

export interface Update {
  readonly atMs: number;
  /** The endpoint of this number is registered, or deregistered. */
  readonly endpoint: number;
  readonly registered: boolean;
}

/** A burst replaces half as many endpoints as it has updates. */
const IN_BURST = 40;
const BURST_MS = 4_000;
const IN_BURSTS = 0.3;

/** @param count of updates, spread over `lengthMs`. @param atFirst endpoints registered from the beginning. */
export function updatesOf(random: Random, count: number, lengthMs: number, atFirst: number): Update[] {
  const bursts = Math.round((count * IN_BURSTS) / IN_BURST);
  const times: number[] = [];
  for (let burst = 0; burst < bursts; burst += 1) {
    const startMs = random.next() * (lengthMs - BURST_MS);
    for (let nth = 0; nth < IN_BURST; nth += 1) times.push(startMs + random.next() * BURST_MS);
  }
  while (times.length < count) times.push(random.next() * lengthMs);
  times.sort((one, other) => one - other);

  const registered = Array.from({ length: atFirst }, (_, number) => number);
  let last = atFirst - 1;
  return times.map((atMs, index): Update => {
    if (index % 2 === 0) {
      last += 1;
      registered.push(last);
      return { atMs, endpoint: last, registered: true };
    }
    // The oldest but a few: a deployment replaces what was there before.
    const [endpoint = 0] = registered.splice(random.between(0, 3), 1);
    return { atMs, endpoint, registered: false };
  });
}
