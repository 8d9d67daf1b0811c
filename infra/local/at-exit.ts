/**
 * What has to be cleaned up when this Node process ends, however it ends: by falling off the end, by
 * `process.exit`, by an error, by SIGINT or by SIGTERM. (SIGKILL cannot be caught; see process.ts for that.)
 */

const cleanups = new Set<() => void>();
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
let installed = false;

/**
 * Runs `cleanup` when the process ends. It must be synchronous; an error it throws is ignored, so that the
 * others still run.
 *
 * @returns forgets the clean-up, for what has been cleaned up in the ordinary way.
 */
export function atExit(cleanup: () => void): () => void {
  install();
  cleanups.add(cleanup);
  return () => {
    cleanups.delete(cleanup);
  };
}

function install(): void {
  if (installed) return;
  installed = true;
  process.on('exit', runAll);
  for (const signal of signals) process.on(signal, onSignal);
}

/** A program with a handler of its own decides when to end; otherwise end as if nobody had listened. */
function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  runAll();
  process.off(signal, onSignal);
  process.kill(process.pid, signal);
}

/** The last first: a server is killed before the folder that it writes to is deleted. */
function runAll(): void {
  for (const cleanup of [...cleanups].reverse()) {
    try {
      cleanup();
    } catch {
      // The process is ending: what could not be cleaned up is left behind, the rest is not.
    }
  }
  cleanups.clear();
}
