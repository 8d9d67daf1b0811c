/** What wakes the loop of one fleet: somebody's word, or a moment. Words that come while it is awake are one. */

import { setTimeout as sleep } from 'node:timers/promises';

export interface Alarm {
  /** Something was heard at that moment, in milliseconds since 1970. */
  wake(heardAtMs: number): void;
  /** When the oldest of what was heard since the last call came; null: nothing was. */
  take(): number | null;
  /** Returns when something is heard that was not taken yet, after `ms`, or when `signal` aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export function createAlarm(): Alarm {
  let heard: number | null = null;
  let ring: (() => void) | null = null;
  return {
    wake(heardAtMs) {
      heard ??= heardAtMs;
      ring?.();
    },
    take() {
      const oldest = heard;
      heard = null;
      return oldest;
    },
    async wait(ms, signal) {
      if (heard !== null || signal.aborted) return;
      const { own, end } = ownSignal(signal);
      ring = () => own.abort();
      await sleepUntil(ms, own.signal);
      ring = null;
      end();
    },
  };
}

/**
 * A controller that aborts with `signal`, until `end`. `AbortSignal.any` of a signal that lives as long as the process leaves
 * something behind each time (measured on Node.js 24: three weak references for each pass).
 */
export function ownSignal(signal: AbortSignal): { readonly own: AbortController; end(): void } {
  const own = new AbortController();
  const abort = () => own.abort(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  return { own, end: () => signal.removeEventListener('abort', abort) };
}

/** A sleep that an abort ends early, and that throws nothing. */
export async function sleepUntil(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
