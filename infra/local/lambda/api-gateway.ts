/**
 * An HTTP API of API Gateway on loopback: requests in, payload 2.0 events to functions, their answers out.
 *
 * Its own errors are AWS's: no route 404, more than 10 MB 413, an event that Lambda would not take (6 MB) 413, a
 * function that failed or answered something malformed 500, one that took longer than the integration may 503.
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { httpEvent } from './http-event.ts';
import { gatewayAnswer, type HttpAnswer, httpAnswer } from './http-response.ts';
import { decodePath, matchRoute, parseRoute } from './http-route.ts';
import type { Invoke } from './invocation.ts';

/** AWS, "Quotas for HTTP APIs": 10 MB for a payload, 30 s for an integration; neither can be raised. */
const PAYLOAD_LIMIT_BYTES = 10 * 1024 * 1024;
const INTEGRATION_TIMEOUT_MS = 30_000;

export interface ApiGateway {
  /** `http://127.0.0.1:PORT`, no slash at the end. */
  readonly url: string;
  /** Takes no further request, ends open connections. */
  stop(): Promise<void>;
}

/**
 * @param routes functions by route key, such as `POST /watch/{service}`; the first that matches is taken.
 * @param options.port 0 (as by default): any free one.
 */
export async function startApiGateway(
  routes: Readonly<Record<string, Invoke>>,
  options: { readonly port?: number; readonly integrationTimeoutMs?: number } = {},
): Promise<ApiGateway> {
  const parsed = Object.entries(routes).map(([routeKey, invoke]) => ({
    route: parseRoute(routeKey),
    invoke,
  }));
  const timeoutMs = options.integrationTimeoutMs ?? INTEGRATION_TIMEOUT_MS;

  const answerTo = async (request: IncomingMessage): Promise<HttpAnswer> => {
    const [rawPath = '/', query = ''] = splitOnce(request.url ?? '/', '?');
    for (const { route, invoke } of parsed) {
      const pathParameters = matchRoute(route, request.method ?? 'GET', rawPath);
      if (pathParameters === null) continue;
      const body = await readBody(request);
      if (body === 'too large') return gatewayAnswer(413, 'Request Entity Too Large');
      const path = decodePath(rawPath);
      const event = httpEvent(request, { routeKey: route.routeKey, path, query, pathParameters, body });
      return invokeWithin(timeoutMs, invoke, event);
    }
    request.resume();
    return gatewayAnswer(404, 'Not Found');
  };

  const server = createServer((request, response) => {
    answerTo(request).then(
      (answer) => send(response, answer),
      () => response.destroy(),
    );
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${portOf(server)}`,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function invokeWithin(timeoutMs: number, invoke: Invoke, event: unknown): Promise<HttpAnswer> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<HttpAnswer>((resolve) => {
    timer = setTimeout(() => resolve(gatewayAnswer(503, 'Service Unavailable')), timeoutMs);
  });
  try {
    return await Promise.race([invokeFor(invoke, event), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

async function invokeFor(invoke: Invoke, event: unknown): Promise<HttpAnswer> {
  const result = await invoke(event);
  if (result.outcome === 'answered') return httpAnswer(result.payload);
  if (result.error.errorType === 'RequestEntityTooLargeException') {
    return gatewayAnswer(413, 'Request Entity Too Large');
  }
  return gatewayAnswer(500, 'Internal Server Error');
}

/** Reads to the end even when it is too much: a client that is still sending would not see the answer. */
async function readBody(request: IncomingMessage): Promise<Buffer | 'too large'> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= PAYLOAD_LIMIT_BYTES) chunks.push(chunk);
  }
  return size > PAYLOAD_LIMIT_BYTES ? 'too large' : Buffer.concat(chunks);
}

function send(response: ServerResponse, answer: HttpAnswer): void {
  response.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.length });
  response.end(answer.body);
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new Error('the server does not listen on a port');
  return address.port;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
