/** A Consul that answers exactly what a test wants, and counts how often it was asked; ended after the file's tests. */

import { createServer } from 'node:http';
import { afterAll } from 'vitest';
import { freePort } from '../../infra/local/free-port.ts';

export interface Registry {
  readonly url: string;
  /** What it answers for every service; undefined: 500. */
  entries: readonly object[] | undefined;
  /** Names of the services that were asked for, in order. */
  readonly asked: string[];
  /** The `x-consul-token` of each request, in order. */
  readonly tokens: (string | undefined)[];
  /** Answers are held back until this is fulfilled. */
  gate: Promise<void>;
}

export async function startRegistry(): Promise<Registry> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const registry: Registry = { url, entries: [], asked: [], tokens: [], gate: Promise.resolve() };
  const server = createServer(async (request, response) => {
    registry.asked.push(new URL(request.url ?? '', url).pathname.split('/').at(-1) ?? '');
    registry.tokens.push(request.headers['x-consul-token']?.toString());
    await registry.gate;
    response.writeHead(registry.entries === undefined ? 500 : 200, {
      'Content-Type': 'application/json',
      'X-Consul-Index': '1',
    });
    response.end(JSON.stringify(registry.entries ?? 'no'));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  afterAll(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  });
  return registry;
}
