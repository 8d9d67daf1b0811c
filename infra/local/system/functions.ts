/** The three functions in the local Lambda host, with what calls them: HTTP API, queue, schedule. */

import type { Emulator } from '../emulator.ts';
import { type ApiGateway, startApiGateway } from '../lambda/api-gateway.ts';
import { startEventSource } from '../lambda/event-source.ts';
import { type FunctionPool, startFunctionPool } from '../lambda/function-pool.ts';
import type { FunctionLog } from '../lambda/invocation.ts';
import { type Schedule, startSchedule } from '../lambda/schedule.ts';
import type { Parts } from './parts.ts';

/** As serverless.yml deploys them. */
const functions = {
  webhook: { timeoutMs: 10_000, memoryMb: 256 },
  worker: { timeoutMs: 30_000, memoryMb: 512 },
  reconcile: { timeoutMs: 30_000, memoryMb: 256 },
} as const;

/** How many sandboxes each may have here. A fleet's messages come one batch after the other anyway. */
const CONCURRENCY = 4;
/** The least that AWS allows for an event source. */
const MAXIMUM_CONCURRENCY = 2;
/** The longest time that a timer can be set to: three and a half weeks. */
const NEVER_MS = 2 ** 31 - 1;

export interface FunctionsOptions {
  /** The functions' own settings; the emulator's are added. */
  readonly environment: Readonly<Record<string, string>>;
  readonly emulator: Emulator;
  readonly queueUrl: string;
  /** Null: only when `trigger` is called. */
  readonly reconcileEveryMs: number | null;
  readonly log: FunctionLog;
}

export interface LocalFunctions {
  readonly gateway: ApiGateway;
  readonly schedule: Schedule;
}

export async function startFunctions(parts: Parts, options: FunctionsOptions): Promise<LocalFunctions> {
  const { emulator, queueUrl, reconcileEveryMs, log } = options;
  const environment = { ...emulator.environment, ...options.environment };
  const start = (name: keyof typeof functions): Promise<FunctionPool> =>
    parts.start(
      `function ${name}`,
      () => {
        const pool = startFunctionPool(
          { name, module: moduleOf(name), handler: 'handler', environment, ...functions[name] },
          { concurrency: CONCURRENCY, log },
        );
        pool.warm(1);
        return pool;
      },
      (pool) => pool.stop(),
    );

  const [webhook, worker, reconcile] = [
    await start('webhook'),
    await start('worker'),
    await start('reconcile'),
  ];
  await parts.start(
    'event source of the queue',
    () =>
      startEventSource({
        client: emulator.sqs,
        queueUrl,
        functionName: 'worker',
        invoke: worker.invoke,
        maximumConcurrency: MAXIMUM_CONCURRENCY,
        log,
      }),
    (source) => source.stop(),
  );
  const schedule = await parts.start(
    'schedule of reconcile',
    () => startSchedule('reconcile', { everyMs: reconcileEveryMs ?? NEVER_MS, invoke: reconcile.invoke }),
    (started) => started.stop(),
  );
  const gateway = await parts.start(
    'HTTP API',
    () => startApiGateway({ 'POST /watch/{service}': webhook.invoke }),
    (started) => started.stop(),
  );
  return { gateway, schedule };
}

function moduleOf(name: string): URL {
  return new URL(`../../../functions/${name}.ts`, import.meta.url);
}
