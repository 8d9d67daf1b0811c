/**
 * AWS on a bad day: an HTTP proxy on loopback in front of the emulator, which does to single requests what networks
 * and services do to them. Whoever is to meet it gets its address as AWS_ENDPOINT_URL_SQS, _S3 or _SSM; a queue's URL
 * names it, too, for the SDK goes where that points.
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import type { Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.ts';

/** What is known of a request before anything is done with it. */
export interface AwsRequest {
  /** In AWS's words: `SendMessageBatch`, `GetObject`. */
  readonly operation: string;
  /** The path without its slash: for S3 the bucket and the key. */
  readonly path: string;
  /** Since this proxy was started. */
  readonly atMs: number;
}

/**
 * - `delay`: goes through after a while.
 * - `silence`: is never answered, nor passed on. `lost-reply`: is passed on, and never answered.
 * - `reset`: the connection is reset, nothing is passed on. `reset-reply`: is passed on, then the connection is reset.
 * - `cut`: the answer ends, with its connection, after half of its body.
 * - `answer`: another answer, not AWS's; nothing is passed on.
 */
export type Fault =
  | { readonly kind: 'silence' | 'lost-reply' | 'reset' | 'reset-reply' | 'cut' }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'answer'; readonly status: number; readonly type: string; readonly body: string };

/** Decides about one request; null: it goes through. */
export type Faults = (request: AwsRequest) => Fault | null;

export interface FaultyProxy {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Counts from now on, for requests that come from now on. */
  faults: Faults;
  /** All requests so far, whatever became of them. */
  readonly requests: readonly AwsRequest[];
  /** Ends open connections, those that are silent, too. */
  stop(): Promise<void>;
}

/** @param target `http://127.0.0.1:PORT`, where everything goes that nothing happens to. */
export async function startFaultyProxy(target: string): Promise<FaultyProxy> {
  const { hostname, port: targetPort } = new URL(target);
  const requests: AwsRequest[] = [];
  const startedMs = performance.now();

  const passOn = async (request: IncomingMessage, body: Buffer): Promise<[IncomingMessage, Buffer]> => {
    const { method, url: path, headers } = request;
    const passed = send({ hostname, port: targetPort, method, path, headers, agent: false });
    passed.end(body);
    const [answer]: IncomingMessage[] = await once(passed, 'response');
    if (answer === undefined) throw new Error('no answer');
    return [answer, await buffer(answer)];
  };

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const seen = {
      operation: operationOf(request),
      path: pathOf(request),
      atMs: performance.now() - startedMs,
    };
    requests.push(seen);
    const fault = proxy.faults(seen);
    const body = await buffer(request);
    const { socket } = request;
    if (fault?.kind === 'silence') return;
    if (fault?.kind === 'reset') return reset(socket);
    if (fault?.kind === 'answer') {
      response.writeHead(fault.status, { 'content-type': fault.type }).end(fault.body);
      return;
    }
    if (fault?.kind === 'delay') await sleep(fault.ms, undefined, { ref: false });
    const [answer, content] = await passOn(request, body);
    if (fault?.kind === 'lost-reply') return;
    if (fault?.kind === 'reset-reply') return reset(socket);
    const half = fault?.kind === 'cut' ? content.subarray(0, content.length / 2) : content;
    const { 'transfer-encoding': _, connection: __, ...headers } = answer.headers;
    const length = request.method === 'HEAD' ? {} : { 'content-length': content.length };
    response.writeHead(answer.statusCode ?? 502, { ...headers, ...length });
    if (half === content) response.end(content);
    else response.write(half, () => socket.destroySoon());
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  const port = await freePort();
  const proxy: FaultyProxy = {
    url: `http://127.0.0.1:${port}`,
    faults: () => null,
    requests,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return proxy;
}

function reset(socket: Socket): void {
  socket.resetAndDestroy();
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return decodeURIComponent(new URL(url, 'http://proxy').pathname.slice(1));
}

/** SQS and SSM name it in a header; S3's is its method. */
function operationOf({ method, headers, url = '' }: IncomingMessage): string {
  const [, named] = String(headers['x-amz-target'] ?? '').split('.');
  if (named !== undefined) return named;
  if (url.includes('list-type=2')) return 'ListObjectsV2';
  return { GET: 'GetObject', PUT: 'PutObject', HEAD: 'HeadObject' }[method ?? ''] ?? `${method}`;
}
