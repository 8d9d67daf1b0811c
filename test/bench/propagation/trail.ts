/**
 * When a change passed which hop of the local system. SQS, S3 and the HTTP API are HTTP servers of this process, so
 * Node.js's own diagnostics tell when each request came in and when it was answered, and nothing is changed for it.
 */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { IncomingMessage, ServerResponse } from 'node:http';

/** Between these moments; `null` where a moment was not seen. */
export const HOPS = [
  ['consul', "Consul's watch: call → its POST comes in"],
  ['webhook', 'webhook: POST → it asks the queue'],
  ['queue', 'queue: sent → handed to the event source'],
  ['worker', 'worker: handed over → it asks for the table'],
  ['assign', 'table and Consul read, assigned → written'],
  ['publish', 'the table’s conditional write'],
  ['apply', 'Runtime API: written → in (out of) rotation'],
] as const;
export type Hop = (typeof HOPS)[number][0];

interface Moments {
  posted?: number;
  queued?: number;
  received?: number;
  reading?: number;
  writing?: number;
  written?: number;
}

export interface Trail {
  /** Notes from now on. */
  begin(): void;
  /** @param calledMs when Consul was called, @param rotationMs when the change was seen on HAProxy. */
  hops(calledMs: number, rotationMs: number): ReadonlyMap<Hop, number>;
  stop(): void;
}

export function startTrail(): Trail {
  let moments: Moments = {};
  const started = (message: unknown) => {
    const request = requestOf(message);
    if (request === undefined) return;
    const target = String(request.headers['x-amz-target'] ?? '');
    const { method, url = '' } = request;
    if (url.startsWith('/watch/')) moments.posted ??= nowMs();
    else if (target.includes('SendMessage')) moments.queued ??= nowMs();
    else if (isTable(url) && method === 'GET' && moments.received !== undefined) moments.reading ??= nowMs();
    else if (isTable(url) && method === 'PUT') moments.writing ??= nowMs();
  };
  const finished = (message: unknown) => {
    const request = requestOf(message);
    if (request === undefined) return;
    const target = String(request.headers['x-amz-target'] ?? '');
    if (target.includes('ReceiveMessage') && moments.queued !== undefined) moments.received ??= nowMs();
    else if (isTable(request.url ?? '') && request.method === 'PUT') moments.written ??= nowMs();
  };
  subscribe('http.server.request.start', started);
  subscribe('http.server.response.finish', finished);
  return {
    begin() {
      moments = {};
    },
    hops(calledMs, rotationMs) {
      const { posted, queued, received, reading, writing, written } = moments;
      const times = [calledMs, posted, queued, received, reading, writing, written, rotationMs];
      return new Map(
        HOPS.map(([hop], index) => [hop, (times[index + 1] ?? Number.NaN) - (times[index] ?? Number.NaN)]),
      );
    },
    stop() {
      unsubscribe('http.server.request.start', started);
      unsubscribe('http.server.response.finish', finished);
    },
  };
}

export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** The table itself, and not one of a generation. */
function isTable(url: string): boolean {
  return /\/fleets\/[^/]+\/slots\.json(?:\?|$)/.test(url);
}

function requestOf(message: unknown): IncomingMessage | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  if ('request' in message && message.request instanceof IncomingMessage) return message.request;
  if ('response' in message && message.response instanceof ServerResponse) return message.response.req;
  return undefined;
}
