/**
 * Time that passes only when nothing else is left to do.
 *
 * While it is installed, the timers that `lib` and `functions` use (`setTimeout`, the one of `node:timers/promises`,
 * `AbortSignal.timeout`, `performance.now`) run on it. Whatever happens without a timer (promises, `process.nextTick`,
 * streams) is waited for with one turn of the real event loop after each timer; so the order of everything is the
 * order of the timers, and the same in every run.
 */

import { createRequire, syncBuiltinESMExports } from 'node:module';

const realSetTimeout = globalThis.setTimeout;
const realClearTimeout = globalThis.clearTimeout;
const realSetImmediate = globalThis.setImmediate;
const realAbortTimeout = AbortSignal.timeout;
/** The same object that `import … from 'node:timers/promises'` shows after `syncBuiltinESMExports`. */
const timersPromises: Record<string, unknown> = createRequire(import.meta.url)('node:timers/promises');
const realSleep = timersPromises.setTimeout;
const timers: Record<string, unknown> = createRequire(import.meta.url)('node:timers');

/** 2027-01-15, so that times of the simulation are told from times of this machine. */
const EPOCH_MS = 1_800_000_000_000;

/** One for all, for most signals time out long after anybody listened, and to make one is dear. */
const TIMED_OUT = new DOMException('The operation was aborted due to timeout', 'TimeoutError');

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

export class VirtualTime {
  #elapsedMs = 0;
  #order = 0;
  /** A binary heap, the next one first. */
  readonly #timers: Timer[] = [];

  /** Milliseconds since the beginning of the simulation. */
  get elapsedMs(): number {
    return this.#elapsedMs;
  }

  /** Milliseconds since 1970, integers as those of `Date.now`. */
  readonly now = (): number => EPOCH_MS + Math.floor(this.#elapsedMs);

  /** Runs `work` after `delayMs`. Returns a function that cancels it. */
  after(delayMs: number, work: () => void): () => void {
    const timer: Timer = {
      atMs: this.#elapsedMs + Math.max(0, delayMs),
      order: this.#order++,
      run: work,
      cancelled: false,
    };
    push(this.#timers, timer);
    return () => {
      timer.cancelled = true;
    };
  }

  wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  /** Lets time pass until `untilMs` (since the beginning), or until `stop` says so. `each` is told after every timer. */
  async run(untilMs: number, each: () => boolean): Promise<void> {
    await settled();
    for (;;) {
      const next = this.#timers[0];
      if (next === undefined || next.atMs > untilMs) break;
      pop(this.#timers);
      if (next.cancelled) continue;
      this.#elapsedMs = next.atMs;
      next.run();
      await settled();
      if (!each()) return;
    }
    this.#elapsedMs = Math.max(this.#elapsedMs, untilMs);
  }

  /** Replaces the timers of this process. Returns a function that puts the real ones back. */
  install(): () => void {
    const later = (work: (...values: unknown[]) => void, delayMs = 0, ...values: unknown[]) =>
      virtualTimeout(this.after(delayMs, () => work(...values)));
    const never = (timer: unknown) => {
      if (timer instanceof VirtualTimeout) timer.cancel();
    };
    for (const place of [globalThis, timers]) {
      Object.assign(place, { setTimeout: later, clearTimeout: never });
    }
    Object.defineProperty(performance, 'now', { configurable: true, value: () => this.#elapsedMs });
    Object.assign(AbortSignal, {
      timeout: (delayMs: number) => {
        const controller = new AbortController();
        this.after(delayMs, () => controller.abort(TIMED_OUT));
        return controller.signal;
      },
    });
    timersPromises.setTimeout = (delayMs = 0, value?: unknown, options: { signal?: AbortSignal } = {}) =>
      this.#sleep(delayMs, value, options.signal);
    syncBuiltinESMExports();
    return () => {
      for (const place of [globalThis, timers]) {
        Object.assign(place, { setTimeout: realSetTimeout, clearTimeout: realClearTimeout });
      }
      Reflect.deleteProperty(performance, 'now');
      Object.assign(AbortSignal, { timeout: realAbortTimeout });
      timersPromises.setTimeout = realSleep;
      syncBuiltinESMExports();
    };
  }

  #sleep(delayMs: number, value: unknown, signal: AbortSignal | undefined): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const aborted = () => reject(new DOMException('The operation was aborted', 'AbortError'));
      if (signal?.aborted === true) return aborted();
      const cancel = this.after(delayMs, () => resolve(value));
      signal?.addEventListener(
        'abort',
        () => {
          cancel();
          aborted();
        },
        { once: true },
      );
    });
  }
}

/** What `setTimeout` gives to code that may ask it not to keep the process alive. */
class VirtualTimeout {
  readonly cancel: () => void;

  constructor(cancel: () => void) {
    this.cancel = cancel;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

function virtualTimeout(cancel: () => void): VirtualTimeout {
  return new VirtualTimeout(cancel);
}

/** After everything that needs no timer. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    realSetImmediate(resolve);
  });
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}

function push(heap: Timer[], timer: Timer): void {
  let at = heap.length;
  heap.push(timer);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || !isBefore(timer, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = timer;
}

function pop(heap: Timer[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    const left = 2 * at + 1;
    const child = heap[left + 1];
    const smaller = child !== undefined && isBefore(child, heap[left] ?? child) ? left + 1 : left;
    const below = heap[smaller];
    if (below === undefined || !isBefore(below, last)) break;
    heap[at] = below;
    at = smaller;
  }
  heap[at] = last;
}
