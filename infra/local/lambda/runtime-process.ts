/**
 * A packaged function in AWS's own runtime: Node.js with the Lambda Runtime Interface Client, in the folder that the
 * package was unpacked to, with nothing of this process's environment.
 *
 * As in Lambda: one event at a time; loading has ten seconds; a function that takes longer than its timeout, or ends
 * its process, is ended, and the next event starts it anew. From its answer until the next event the process is stopped:
 * nothing that the handler left behind goes on.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { type StartedProcess, startProcess } from '../process.ts';
import { type InvocationResult, type Invoke, LOCAL_ACCOUNT, LOCAL_REGION } from './invocation.ts';
import { startRuntimeApi } from './runtime-api.ts';
import { runtimeClientPath } from './runtime-client.ts';

const INIT_LIMIT_MS = 10_000;
/** Between two looks at whether the process still runs. */
const LOOK_MS = 10;

export interface PackagedFunction {
  readonly name: string;
  /** The folder of the unpacked package: LAMBDA_TASK_ROOT. */
  readonly folder: string;
  /** `functions/worker.handler`, as CloudFormation has it. */
  readonly handler: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly memoryMb: number;
}

export interface RunningFunction {
  /** Never rejects. Events that come while another one is served wait. */
  readonly invoke: Invoke;
  /** What the function wrote, from the start, 64 kB of each of its processes at most. */
  output(): string;
  stop(): Promise<void>;
}

export async function startPackagedFunction(definition: PackagedFunction): Promise<RunningFunction> {
  const { name, timeoutMs } = definition;
  const api = await startRuntimeApi(`arn:aws:lambda:${LOCAL_REGION}:${LOCAL_ACCOUNT}:function:${name}`);
  let runtime: StartedProcess | undefined;
  let written = '';
  let last: Promise<unknown> = Promise.resolve();

  const end = async () => {
    const ended = runtime;
    runtime = undefined;
    await ended?.kill();
    written += ended?.output() ?? '';
  };

  const loaded = async (): Promise<InvocationResult | undefined> => {
    if (runtime !== undefined && !runtime.running()) await end();
    runtime?.signal('SIGCONT');
    runtime ??= await launch(definition, api.address);
    const limit = performance.now() + INIT_LIMIT_MS;
    while (!api.waiting) {
      const error = api.takeInitError();
      const running = runtime.running();
      const late = performance.now() > limit;
      if (error !== undefined || !running || late) {
        await end();
        return error === undefined
          ? failed('Runtime.InitError', `loading ${late ? 'took over 10 s' : 'ended the process'}`)
          : { outcome: 'failed', error };
      }
      await sleep(LOOK_MS);
    }
    return undefined;
  };

  const serve = async (event: string): Promise<InvocationResult> => {
    const notLoaded = await loaded();
    if (notLoaded !== undefined) return notLoaded;
    const startedMs = performance.now();
    let result: InvocationResult | undefined;
    api.invoke(event, timeoutMs)?.then((one) => {
      runtime?.signal('SIGSTOP');
      result = one;
    });
    while (result === undefined) {
      await sleep(LOOK_MS);
      const late = performance.now() - startedMs > timeoutMs;
      if (result !== undefined || (!late && runtime?.running() === true)) continue;
      await end();
      const seconds = (timeoutMs / 1000).toFixed(2);
      const { error } = late
        ? failed('Sandbox.Timedout', `Task timed out after ${seconds} seconds`)
        : failed('Runtime.ExitError', 'Runtime exited');
      api.fail(error);
      await sleep(0);
    }
    return result;
  };

  return {
    invoke(event) {
      const served = last.then(() => serve(JSON.stringify(event)));
      last = served;
      return served;
    },
    output: () => written + (runtime?.output() ?? ''),
    async stop() {
      await end();
      await api.stop();
    },
  };
}

/** `env -i` gives the process the function's environment and nothing else. */
function launch(definition: PackagedFunction, address: string): Promise<StartedProcess> {
  const { name, folder, handler, memoryMb } = definition;
  const environment = {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    AWS_LAMBDA_RUNTIME_API: address,
    AWS_REGION: LOCAL_REGION,
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: 'local/[$LATEST]0',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    LAMBDA_TASK_ROOT: folder,
    _HANDLER: handler,
    ...definition.environment,
  };
  const settings = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
  return startProcess('/usr/bin/env', {
    arguments: [
      '-i',
      '-C',
      folder,
      ...settings,
      process.execPath,
      `--max-old-space-size=${memoryMb}`,
      runtimeClientPath(),
      handler,
    ],
  });
}

function failed(errorType: string, errorMessage: string) {
  return { outcome: 'failed', error: { errorType, errorMessage, trace: [] } } as const;
}
