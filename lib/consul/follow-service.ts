/**
 * Hears of every change of a service by Consul's blocking queries.
 *
 * The rules of X-Consul-Index (Consul's documentation, "Blocking Queries"; facts measured on 1.8.7): a question stays
 * open until the index is above the one that it names. An index that is not a number above 0 is none. One that fell, as
 * it does when Consul lost its data, counts no more, nor does any after a failure: asked with the old one, a Consul that
 * began anew would say nothing until it has caught up.
 */

import type { ServiceReading } from './consul-reader.ts';

export interface FollowPorts {
  /**
   * Asks Consul; `after` null: to be answered at once. Whoever gives this says how long a question stays open, and how
   * many are open at a time.
   */
  readonly ask: (service: string, after: string | null, signal: AbortSignal) => Promise<ServiceReading>;
  /** Returns when the time is over or the signal aborts; throws nothing. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Milliseconds of a clock that only goes forward. */
  readonly steadyMs: () => number;
}

export interface Heard {
  /** At first, when the answer differs from the one before, when the index fell, and after a failure. */
  readonly onReading: (reading: ServiceReading) => void;
  /** Each time. The next attempt comes by itself. */
  readonly onFailure: (error: unknown) => void;
}

/** The longest, with half of it drawn at random, so that not all who lost one Consul come back at one moment. */
const BACKOFF_MS = { first: 100, most: 5_000 };
/** Between questions that are answered at once although nothing changed: not every proxy, nor every answer, waits. */
const POLL_MS = 1_000;

/** Returns when `signal` aborts, and not before; throws nothing. */
export async function followService(
  { ask, sleep, random, steadyMs }: FollowPorts,
  service: string,
  { onReading, onFailure }: Heard,
  signal: AbortSignal,
): Promise<void> {
  let index: string | null = null;
  let content: string | null = null;
  let failures = 0;
  while (!signal.aborted) {
    const askedMs = steadyMs();
    try {
      const reading = await ask(service, index, signal);
      if (signal.aborted) return;
      const answered = usableIndex(reading.index);
      const fell: boolean = index !== null && answered !== null && BigInt(answered) < BigInt(index);
      const said = JSON.stringify(reading.entries);
      if (said !== content || fell || failures > 0) onReading(reading);
      const waited = answered !== null && (answered !== index || steadyMs() - askedMs >= POLL_MS);
      [index, content, failures] = [fell ? null : answered, said, 0];
      if (!waited || fell) await sleep(POLL_MS, signal);
    } catch (error) {
      if (signal.aborted) return;
      index = null;
      failures += 1;
      onFailure(error);
      await sleep(backoffMs(failures, random()), signal);
    }
  }
}

/** After so many failures in a row, from 1 on. */
function backoffMs(failures: number, random: number): number {
  const most = Math.min(BACKOFF_MS.first * 2 ** Math.min(failures - 1, 16), BACKOFF_MS.most);
  return most / 2 + (most / 2) * random;
}

function usableIndex(index: string | null): string | null {
  return index !== null && /^\d{1,20}$/.test(index) && BigInt(index) > 0n ? index : null;
}
