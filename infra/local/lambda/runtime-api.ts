/**
 * Lambda's side of the runtime API, on loopback: a runtime asks for the next event, and posts what came of it.
 *
 * Source: AWS, "Using the Lambda runtime API" (2018-06-01): `next`, `response`, `error` and `init/error`. What a host
 * does besides, such as starting and ending the runtime, is in runtime-process.ts.
 */

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import { freePort } from '../free-port.ts';
import type { FunctionError, InvocationResult } from './invocation.ts';

const BASE = '/2018-06-01/runtime';

export interface RuntimeApi {
  /** For AWS_LAMBDA_RUNTIME_API. */
  readonly address: string;
  /** Whether a runtime waits for an event, so it has loaded its function. */
  readonly waiting: boolean;
  /** Gives an event to the runtime that waits, and to nobody when none does: then it is undefined. */
  invoke(event: string, timeoutMs: number): Promise<InvocationResult> | undefined;
  /** What the runtime said when it could not load its function; taken out. */
  takeInitError(): FunctionError | undefined;
  /** The runtime is gone: what it was given is failed with this error. */
  fail(error: FunctionError): void;
  stop(): Promise<void>;
}

const errorDocument = v.pipe(
  v.object({
    errorType: v.fallback(v.string(), 'Error'),
    errorMessage: v.fallback(v.string(), ''),
    trace: v.fallback(v.array(v.string()), []),
    stackTrace: v.fallback(v.array(v.string()), []),
  }),
  v.transform(
    ({ errorType, errorMessage, trace, stackTrace }): FunctionError => ({
      errorType,
      errorMessage,
      trace: [...trace, ...stackTrace],
    }),
  ),
);

export async function startRuntimeApi(functionArn: string): Promise<RuntimeApi> {
  let next: ServerResponse | undefined;
  let initError: FunctionError | undefined;
  let current: { readonly id: string; readonly settle: (result: InvocationResult) => void } | undefined;

  const settle = (result: InvocationResult) => {
    current?.settle(result);
    current = undefined;
  };

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? '';
    if (request.method === 'GET' && path === `${BASE}/invocation/next`) {
      next = response;
      response.on('close', () => {
        if (next === response) next = undefined;
      });
      return;
    }
    const body = await text(request);
    const [, id = '', what = ''] = /\/invocation\/([^/]+)\/(response|error)$/.exec(path) ?? [];
    if (path === `${BASE}/init/error`) initError = v.parse(errorDocument, JSON.parse(body));
    else if (id !== current?.id) return refuse(response, 'InvalidRequestID');
    else if (what === 'response') settle({ outcome: 'answered', payload: JSON.parse(body) });
    else settle({ outcome: 'failed', error: v.parse(errorDocument, JSON.parse(body)) });
    response.writeHead(202, { 'Content-Type': 'application/json' }).end('{"status":"OK"}\n');
  };

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => refuse(response, String(error)));
  });
  const port = await freePort();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');

  return {
    address: `127.0.0.1:${port}`,
    get waiting() {
      return next !== undefined;
    },
    invoke(event, timeoutMs) {
      if (next === undefined) return undefined;
      const id = randomUUID();
      const result = new Promise<InvocationResult>((resolve) => {
        current = { id, settle: resolve };
      });
      next.writeHead(200, {
        'Content-Type': 'application/json',
        'Lambda-Runtime-Aws-Request-Id': id,
        'Lambda-Runtime-Deadline-Ms': String(Date.now() + timeoutMs),
        'Lambda-Runtime-Invoked-Function-Arn': functionArn,
      });
      next.end(event);
      next = undefined;
      return result;
    },
    takeInitError() {
      const taken = initError;
      initError = undefined;
      return taken;
    },
    fail: (error) => settle({ outcome: 'failed', error }),
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function refuse(response: ServerResponse, errorMessage: string): void {
  response.writeHead(400, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify({ errorType: 'InvalidRequest', errorMessage }));
}
