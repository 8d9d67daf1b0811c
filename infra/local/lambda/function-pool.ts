/** All sandboxes of one function: warm ones are used again, new ones are started up to the concurrency limit. */

import type { FunctionDefinition, FunctionLog, InvocationResult, Invoke } from './invocation.ts';
import { Sandbox } from './sandbox.ts';

export interface FunctionPool {
  /**
   * Serves one event in a sandbox of its own. Over the concurrency limit events wait their turn, in order: a
   * laptop's few sandboxes stand for an account's thousand. Never rejects.
   */
  readonly invoke: Invoke;
  /** Starts sandboxes until `count` exist (at most the limit), so that the next events find them warm. */
  warm(count: number): void;
  /** How many sandboxes exist. */
  readonly size: number;
  /** Ends every sandbox; running and waiting invocations fail. */
  stop(): Promise<void>;
}

/** @param concurrency at least 1. */
export function startFunctionPool(
  definition: FunctionDefinition,
  { concurrency, log }: { readonly concurrency: number; readonly log: FunctionLog },
): FunctionPool {
  const all = new Set<Sandbox>();
  const idle: Sandbox[] = [];
  const waiting: ((sandbox: Sandbox | undefined) => void)[] = [];
  let stopped = false;

  const startSandbox = (): Sandbox => {
    const sandbox = new Sandbox(definition, log);
    all.add(sandbox);
    return sandbox;
  };

  /** The one used last; a sandbox that died while nobody used it is forgotten. */
  const takeIdle = (): Sandbox | undefined => {
    for (;;) {
      const sandbox = idle.pop();
      if (sandbox === undefined || sandbox.alive) return sandbox;
      all.delete(sandbox);
    }
  };

  const acquire = async (): Promise<Sandbox | undefined> => {
    if (stopped) return undefined;
    const warm = takeIdle();
    if (warm !== undefined) return warm;
    if (all.size < concurrency) return startSandbox();
    return new Promise((resolve) => {
      waiting.push(resolve);
    });
  };

  const release = (sandbox: Sandbox): void => {
    const usable = sandbox.alive ? sandbox : undefined;
    if (usable === undefined) all.delete(sandbox);
    const next = waiting.shift();
    if (next !== undefined) next(stopped ? undefined : (usable ?? startSandbox()));
    else if (usable !== undefined) idle.push(usable);
  };

  const invoke = async (event: unknown): Promise<InvocationResult> => {
    const sandbox = await acquire();
    if (sandbox === undefined) return shuttingDown(definition.name);
    const startedMs = performance.now();
    const result = await sandbox.invoke(event);
    release(sandbox);
    log({
      functionName: definition.name,
      stream: 'host',
      line: reportLine(result, performance.now() - startedMs),
    });
    return result;
  };

  return {
    invoke,
    warm(count) {
      while (!stopped && all.size < Math.min(count, concurrency)) idle.push(startSandbox());
    },
    get size() {
      return all.size;
    },
    async stop() {
      stopped = true;
      for (const wake of waiting.splice(0)) wake(undefined);
      await Promise.all([...all].map((sandbox) => sandbox.stop()));
      all.clear();
    },
  };
}

function reportLine(result: InvocationResult, ms: number): string {
  const report = `REPORT Duration: ${ms.toFixed(1)} ms`;
  if (result.outcome === 'answered') return report;
  return `${report} ${result.outcome}: ${result.error.errorType}: ${result.error.errorMessage}`;
}

function shuttingDown(name: string): InvocationResult {
  const errorMessage = `function ${name} is being stopped`;
  return { outcome: 'refused', error: { errorType: 'ResourceNotReadyException', errorMessage, trace: [] } };
}
