/**
 * One execution environment of a function: a thread with its own modules and environment that serves one invocation
 * at a time and is thrown away when an invocation ends badly, so that the next one starts cold.
 *
 * As in Lambda: loading the module has up to 10 seconds and then the function's timeout; a timeout, an exit, an
 * uncaught error or an exhausted memory end the sandbox; an error that the handler throws does not. From the moment
 * its answer is there until the next event nothing in it runs: what the handler left behind is not sent, or later.
 * Unlike in Lambda, only the heap of JavaScript counts as memory.
 */

import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { Worker } from 'node:worker_threads';
import {
  type FunctionDefinition,
  type FunctionError,
  type FunctionLog,
  type InvocationResult,
  LOCAL_ACCOUNT,
  LOCAL_REGION,
  REQUEST_LIMIT_BYTES,
  RESPONSE_LIMIT_BYTES,
} from './invocation.ts';
import type { ThreadInvocation, ThreadMessage, ThreadResult, ThreadStart } from './sandbox-protocol.ts';

const INIT_LIMIT_MS = 10_000;

type ThreadEnd = { readonly kind: 'ended'; readonly error: FunctionError };

export class Sandbox {
  readonly #definition: FunctionDefinition;
  readonly #worker: Worker;
  readonly #ready: Promise<ThreadResult | ThreadEnd>;
  readonly #turn = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  #alive = true;
  #waiting: ((message: ThreadResult | ThreadEnd) => void) | undefined;

  /** Starts loading the function at once; a failure shows at the first invocation. */
  constructor(definition: FunctionDefinition, log: FunctionLog) {
    this.#definition = definition;
    const logStream = `local/[$LATEST]${randomUUID().replaceAll('-', '')}`;
    this.#worker = new Worker(new URL('./sandbox-thread.ts', import.meta.url), {
      env: {
        ...runtimeVariables(definition),
        AWS_LAMBDA_LOG_STREAM_NAME: logStream,
        ...definition.environment,
      },
      workerData: threadStart(definition, this.#turn),
      resourceLimits: { maxOldGenerationSizeMb: definition.memoryMb },
      execArgv: [],
      stdout: true,
      stderr: true,
    });
    const wrote = { stdout: new PassThrough(), stderr: new PassThrough() };
    for (const stream of ['stdout', 'stderr'] as const) {
      const note = (line: string) => log({ functionName: definition.name, stream, line });
      createInterface(wrote[stream]).on('line', note);
      // What Node.js itself has to say, such as a warning.
      createInterface(this.#worker[stream]).on('line', note);
    }
    this.#ready = this.#nextMessage();
    this.#worker.on('message', (message: ThreadMessage) => {
      if (message.kind === 'wrote') wrote[message.stream].write(message.text);
      else this.#deliver(message);
    });
    this.#worker.on('error', (error) => this.#ended(exitError(error)));
    this.#worker.on('exit', (status) => this.#ended(exitStatusError(status)));
  }

  /** False when an invocation ended badly: throw it away. */
  get alive(): boolean {
    return this.#alive;
  }

  /** Serves one event; the caller waits for the result before it gives another one. Never rejects. */
  async invoke(event: unknown): Promise<InvocationResult> {
    const request = JSON.stringify(event);
    const size = Buffer.byteLength(request);
    if (size > REQUEST_LIMIT_BYTES) return requestTooLarge();
    const loaded = await this.#within(INIT_LIMIT_MS + this.#definition.timeoutMs, this.#ready);
    if (loaded === 'timeout') return this.#timedOut(randomUUID(), INIT_LIMIT_MS + this.#definition.timeoutMs);
    if (loaded.kind !== 'ready') return this.#broken(loaded);
    return this.#serve(request);
  }

  /** Ends the thread, whatever it does. */
  async stop(): Promise<void> {
    this.#alive = false;
    await this.#worker.terminate();
  }

  async #serve(event: string): Promise<InvocationResult> {
    if (!this.#alive)
      return failed({ errorType: 'Runtime.ExitError', errorMessage: 'the sandbox ended', trace: [] });
    const { timeoutMs } = this.#definition;
    const invocation: ThreadInvocation = {
      requestId: randomUUID(),
      event,
      deadlineMs: Date.now() + timeoutMs,
    };
    const answer = this.#nextMessage();
    this.#worker.postMessage(invocation);
    Atomics.add(this.#turn, 0, 1);
    Atomics.notify(this.#turn, 0);
    const message = await this.#within(timeoutMs, answer);
    if (message === 'timeout') return this.#timedOut(invocation.requestId, timeoutMs);
    if (message.kind === 'answered') return answered(message.payload);
    if (message.kind === 'failed') return failed(message.error);
    return this.#broken(message);
  }

  #timedOut(requestId: string, timeoutMs: number): InvocationResult {
    void this.stop();
    const seconds = (timeoutMs / 1000).toFixed(2);
    return failed({
      errorType: 'Sandbox.Timedout',
      errorMessage: `RequestId: ${requestId} Error: Task timed out after ${seconds} seconds`,
      trace: [],
    });
  }

  #broken(message: ThreadResult | ThreadEnd): InvocationResult {
    void this.stop();
    const unexpected = {
      errorType: 'Runtime.Unknown',
      errorMessage: `unexpected ${message.kind}`,
      trace: [],
    };
    return failed('error' in message ? message.error : unexpected);
  }

  #nextMessage(): Promise<ThreadResult | ThreadEnd> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  #deliver(message: ThreadResult | ThreadEnd): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.(message);
  }

  #ended(error: FunctionError): void {
    this.#alive = false;
    this.#deliver({ kind: 'ended', error });
  }

  async #within<T>(ms: number, promise: Promise<T>): Promise<T | 'timeout'> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<'timeout'>((resolve) => {
      timer = setTimeout(() => resolve('timeout'), ms);
    });
    try {
      return await Promise.race([promise, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function threadStart(definition: FunctionDefinition, turn: ThreadStart['turn']): ThreadStart {
  return {
    module: definition.module.href,
    handler: definition.handler,
    functionName: definition.name,
    functionArn: `arn:aws:lambda:${LOCAL_REGION}:${LOCAL_ACCOUNT}:function:${definition.name}`,
    memoryMb: definition.memoryMb,
    turn,
  };
}

/** The variables that Lambda itself sets and that libraries look at. */
function runtimeVariables(definition: FunctionDefinition): Record<string, string> {
  return {
    AWS_REGION: LOCAL_REGION,
    AWS_DEFAULT_REGION: LOCAL_REGION,
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: definition.name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(definition.memoryMb),
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${definition.name}`,
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    _HANDLER: `index.${definition.handler}`,
    TZ: ':UTC',
  };
}

function failed(error: FunctionError): InvocationResult {
  return { outcome: 'failed', error };
}

function answered(payload: string): InvocationResult {
  const size = Buffer.byteLength(payload);
  if (size <= RESPONSE_LIMIT_BYTES) return { outcome: 'answered', payload: JSON.parse(payload) };
  return failed({
    errorType: 'Function.ResponseSizeTooLarge',
    errorMessage: `Response payload size (${size} bytes) exceeded maximum allowed payload size (${RESPONSE_LIMIT_BYTES} bytes).`,
    trace: [],
  });
}

function requestTooLarge(): InvocationResult {
  return {
    outcome: 'refused',
    error: {
      errorType: 'RequestEntityTooLargeException',
      errorMessage: `Request must be smaller than ${REQUEST_LIMIT_BYTES} bytes for the InvokeFunction operation`,
      trace: [],
    },
  };
}

function exitError(error: unknown): FunctionError {
  const trace = error instanceof Error ? (error.stack ?? '').split('\n') : [];
  const outOfMemory = error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
  return {
    errorType: 'Runtime.ExitError',
    errorMessage: `Runtime exited with error: ${outOfMemory ? 'signal: killed (out of memory)' : String(error)}`,
    trace,
  };
}

function exitStatusError(status: number): FunctionError {
  const why = status === 0 ? 'without providing a reason' : `with error: exit status ${status}`;
  return { errorType: 'Runtime.ExitError', errorMessage: `Runtime exited ${why}`, trace: [] };
}
