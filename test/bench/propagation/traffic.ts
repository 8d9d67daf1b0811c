/**
 * The child with web servers and clients, so that neither is in the way of what is measured. It notes when each server
 * got a request, and every answer that was no 200.
 */

import { Agent, createServer, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerParent } from '../child.ts';
import { trafficRequest } from './messages.ts';

interface Seen {
  /** Milliseconds since 1970, with fractions; null: none since the last `forget`. */
  first: number | null;
  last: number | null;
  requests: number;
}

const seen = new Map<string, Seen>();
const failures: string[] = [];

answerParent(trafficRequest, async (asked) => {
  switch (asked.do) {
    case 'servers':
      return { ports: await Promise.all(asked.servers.map(startServer)) };
    case 'traffic':
      for (let client = 0; client < asked.clients; client += 1) void run(asked.url, asked.everyMs, client);
      return null;
    case 'forget':
      seen.set(asked.name, { first: null, last: null, requests: 0 });
      return null;
    case 'seen':
      return { ...(seen.get(asked.name) ?? nobody()), nowMs: nowMs() };
    case 'failures':
      return { failures };
  }
});

function nobody(): Seen {
  return { first: null, last: null, requests: 0 };
}

function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

function startServer({
  name,
  address,
}: {
  readonly name: string;
  readonly address: string;
}): Promise<number> {
  const server = createServer((request, response) => {
    // A check asks for HEAD.
    if (request.method === 'GET') {
      const own = seen.get(name) ?? nobody();
      seen.set(name, own);
      own.last = nowMs();
      own.first ??= own.last;
      own.requests += 1;
    }
    response.end(name);
  });
  server.keepAliveTimeout = 60_000;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address, port: 0 }, () => {
      const bound = server.address();
      resolve(typeof bound === 'object' && bound !== null ? bound.port : 0);
    });
  });
}

/** One client after another starts a little later, so that their requests are spread evenly. */
async function run(url: string, everyMs: number, client: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  await sleep(client);
  for (;;) {
    const startedMs = performance.now();
    const problem = await request(url, agent);
    if (problem !== null) failures.push(problem);
    await sleep(Math.max(0, startedMs + everyMs - performance.now()));
  }
}

function request(url: string, agent: Agent): Promise<string | null> {
  return new Promise((resolve) => {
    const sent = get(url, { agent, timeout: 5_000 }, (response) => {
      response.resume();
      response.once('end', () =>
        resolve(response.statusCode === 200 ? null : `status ${response.statusCode}`),
      );
      response.once('error', (error) => resolve(error.message));
    });
    sent.once('timeout', () => sent.destroy(new Error('no answer within 5 s')));
    sent.once('error', (error) => resolve(error.message));
  });
}
