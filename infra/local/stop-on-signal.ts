/** Ctrl-C and its relatives, for programs that have an orderly end. */

import { constants } from 'node:os';

export interface SignalWait {
  /** Resolves at the first signal that comes after this was asked for. */
  readonly received: Promise<NodeJS.Signals>;
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** One Ctrl-C may come twice: from the terminal, and from npm, which passes on what it gets. */
const SAME_SIGNAL_MS = 1_000;
const PARENT_EVERY_MS = 250;

/**
 * Listens for SIGINT, SIGTERM and SIGHUP. Before `received` is looked at there is nothing to end in order, and a
 * signal ends the process at once, with the clean-ups of at-exit.ts; so does a second signal, for whoever loses
 * patience. Under `npm run`, npm's own end counts as SIGHUP: nobody could stop us any more.
 */
export function stopOnSignal(): SignalWait {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let waiting = false;
  let firstMs: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    const again = firstMs !== undefined && performance.now() - firstMs > SAME_SIGNAL_MS;
    firstMs ??= performance.now();
    if (!waiting || again) process.exit(128 + constants.signals[signal]);
    resolve(signal);
  };
  for (const signal of signals) process.on(signal, onSignal);
  if (process.env.npm_lifecycle_event !== undefined) whenOrphaned(() => onSignal('SIGHUP'));
  // A terminal that was closed takes no more output; that must not keep us from stopping.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  return {
    get received() {
      waiting = true;
      return promise;
    },
  };
}

/** The system tells nobody that their parent has ended; it only gives them another one. */
function whenOrphaned(act: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    act();
  }, PARENT_EVERY_MS);
  timer.unref();
}
