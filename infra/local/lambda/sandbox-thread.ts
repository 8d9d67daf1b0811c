/**
 * Runs inside a sandbox's thread: loads one handler and calls it, one event at a time, as Lambda's Node.js runtime
 * does. Handlers with a callback are not supported; nodejs24.x dropped them.
 *
 * Once it has said how loading or an invocation went, the thread freezes until the next event: timers, promises and
 * sockets of what the handler left behind go on then, and not before.
 */

import { parentPort, workerData } from 'node:worker_threads';
import type { FunctionError } from './invocation.ts';
import type { ThreadInvocation, ThreadMessage, ThreadStart } from './sandbox-protocol.ts';

type Handler = (event: unknown, context: unknown) => unknown;

const start: ThreadStart = workerData;

function post(message: ThreadMessage): void {
  parentPort?.postMessage(message);
}

function errorDocument(thrown: unknown): FunctionError {
  if (!(thrown instanceof Error)) {
    return { errorType: typeof thrown, errorMessage: String(thrown), trace: [] };
  }
  return { errorType: thrown.name, errorMessage: thrown.message, trace: (thrown.stack ?? '').split('\n') };
}

async function loadHandler(): Promise<Handler> {
  const loaded: Record<string, unknown> = await import(start.module);
  const handler = loaded[start.handler];
  if (typeof handler !== 'function') {
    const error = new Error(`${start.handler} is undefined or not exported`);
    error.name = 'Runtime.HandlerNotFound';
    throw error;
  }
  return (event, context) => handler(event, context);
}

function contextOf({ requestId, deadlineMs }: ThreadInvocation): unknown {
  return {
    awsRequestId: requestId,
    callbackWaitsForEmptyEventLoop: true,
    functionName: start.functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: start.functionArn,
    logGroupName: `/aws/lambda/${start.functionName}`,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    memoryLimitInMB: String(start.memoryMb),
    getRemainingTimeInMillis: () => Math.max(0, deadlineMs - Date.now()),
  };
}

/** As Lambda's own runtime, whose writes are over when they return. */
function writeThrough(stream: 'stdout' | 'stderr'): void {
  process[stream].write = (
    chunk: string | Uint8Array,
    encoding?: BufferEncoding | ((error?: Error | null) => void),
    done?: (error?: Error | null) => void,
  ): boolean => {
    post({ kind: 'wrote', stream, text: typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString() });
    const after = typeof encoding === 'function' ? encoding : done;
    if (after !== undefined) queueMicrotask(after);
    return true;
  };
}

let served = 0;

function freeze(): void {
  Atomics.wait(start.turn, 0, served);
  served += 1;
}

async function invoke(handler: Handler, invocation: ThreadInvocation): Promise<void> {
  try {
    const answer = await handler(JSON.parse(invocation.event), contextOf(invocation));
    post({ kind: 'answered', payload: JSON.stringify(answer) ?? 'null' });
  } catch (thrown) {
    post({ kind: 'failed', error: errorDocument(thrown) });
  }
  freeze();
}

writeThrough('stdout');
writeThrough('stderr');
try {
  const handler = await loadHandler();
  parentPort?.on('message', (invocation: ThreadInvocation) => void invoke(handler, invocation));
  post({ kind: 'ready' });
  freeze();
} catch (thrown) {
  post({ kind: 'init-failed', error: errorDocument(thrown) });
}
