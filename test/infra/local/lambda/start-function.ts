/** A pool for one of the handlers in test/fixtures/lambda, ended after the test that started it. */

import { onTestFinished } from 'vitest';
import { type FunctionPool, startFunctionPool } from '../../../../infra/local/lambda/function-pool.ts';
import type { FunctionDefinition, FunctionLogLine } from '../../../../infra/local/lambda/invocation.ts';

export interface StartedFunction extends FunctionPool {
  readonly lines: readonly FunctionLogLine[];
}

export function startFunction(
  fixture: 'echo' | 'misbehaves' | 'does-not-load' | 'sqs',
  overrides: Partial<FunctionDefinition> & { readonly concurrency?: number } = {},
): StartedFunction {
  const { concurrency = 1, ...definition } = overrides;
  const lines: FunctionLogLine[] = [];
  const pool = startFunctionPool(
    {
      name: `test-${fixture}`,
      module: new URL(`../../../fixtures/lambda/${fixture}.ts`, import.meta.url),
      handler: 'handler',
      environment: {},
      timeoutMs: 30_000,
      memoryMb: 128,
      ...definition,
    },
    { concurrency, log: (line) => lines.push(line) },
  );
  onTestFinished(() => pool.stop());
  return {
    invoke: pool.invoke,
    warm: pool.warm,
    stop: pool.stop,
    get size() {
      return pool.size;
    },
    lines,
  };
}
