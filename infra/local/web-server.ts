/** Sample web servers that say who they are. They run inside this process; a dozen of them cost next to nothing. */

import { createServer, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.ts';

export interface WebServerOptions {
  /** What it calls itself: the body of every answer, and its `X-Served-By` header. */
  readonly name: string;
  /** Any of 127.0.0.0/8, so that several servers may have one port; 127.0.0.1 unless told. */
  readonly address?: string;
  /** A free one unless told. */
  readonly port?: number;
  /** Milliseconds that every answer takes; 0 unless told. */
  readonly delay?: number;
}

export interface WebServer {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** `http://ADDRESS:PORT`, without a slash at the end. */
  readonly url: string;
  /** How many requests it has received since it was made, health checks (HEAD and OPTIONS) apart. */
  readonly requests: number;
  /** When the first of them came, in milliseconds like `Date.now()` with fractions; null before. */
  readonly firstRequestAt: number | null;
  /** Finishes the requests under way, then closes the port. */
  stop(): Promise<void>;
  /** As if the machine had failed: connections are cut, the port is closed. */
  kill(): Promise<void>;
  /** Opens the port again after `stop` or `kill`. */
  restart(): Promise<void>;
}

/**
 * Starts one web server. It answers every path with `NAME\n`, and HEAD with headers alone.
 *
 * @throws Error when its port is in use.
 */
export async function startWebServer(options: WebServerOptions): Promise<WebServer> {
  const { name, address = '127.0.0.1', delay = 0 } = options;
  const port = options.port ?? (await freePort());
  let requests = 0;
  let firstRequestAt: number | null = null;

  const open = (): Promise<Server> => {
    const server = createServer(async (request, response) => {
      if (request.method !== 'HEAD' && request.method !== 'OPTIONS') {
        requests += 1;
        firstRequestAt ??= performance.timeOrigin + performance.now();
      }
      request.resume();
      if (delay > 0) await sleep(delay);
      response.setHeader('X-Served-By', name);
      response.setHeader('Content-Type', 'text/plain');
      response.end(`${name}\n`);
    });
    // Longer than any load balancer keeps an idle connection: the server is never the one that closes first.
    server.keepAliveTimeout = 60_000;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: address, port, exclusive: true }, () => resolve(server));
    });
  };

  let server = await open();
  return {
    name,
    address,
    port,
    url: `http://${address}:${port}`,
    get requests() {
      return requests;
    },
    get firstRequestAt() {
      return firstRequestAt;
    },
    stop: () => closed(server),
    async kill() {
      const gone = closed(server);
      server.closeAllConnections();
      await gone;
    },
    async restart() {
      await closed(server);
      server = await open();
    },
  };
}

/** `count` web servers `PREFIX1`, `PREFIX2`, … on free ports of 127.0.0.1. */
export function startWebServers(count: number, prefix = 'web'): Promise<WebServer[]> {
  return Promise.all(
    Array.from({ length: count }, (_, index) => startWebServer({ name: `${prefix}${index + 1}` })),
  );
}

/** A connection is closed once its request has been answered: a client that keeps it open is not waited for. */
async function closed(server: Server): Promise<void> {
  if (!server.listening) return;
  const sweep = setInterval(() => server.closeIdleConnections(), 10);
  await new Promise((resolve) => server.close(resolve));
  clearInterval(sweep);
}
