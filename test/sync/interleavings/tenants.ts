/** Who may be behind a server of the backend: real web servers that say who they are. */

import { createServer, type Server, type ServerResponse } from 'node:http';
import { freePort } from '../../../infra/local/free-port.ts';
import type { EndpointAddress } from '../../../lib/model/endpoint.ts';

/** `placeholder` listens where parked slots point: nobody is ever to be sent there. */
export const TENANTS = [
  ...['subject', 'second', 'third', 'held', 'draining', 'newcomer', 'moved', 'placeholder'],
] as const;

const NAMES: readonly string[] = TENANTS;

export interface Tenants {
  /** Where one listens. */
  readonly at: (name: string) => EndpointAddress;
  /** Whether a request for `/hold` is waiting. */
  readonly holds: () => boolean;
  /** Answers every request for `/hold` that is waiting. */
  releaseHeld(): void;
  stop(): Promise<void>;
}

/** On addresses of 127.0.0.0/8 with one free port. */
export async function startTenants(): Promise<Tenants> {
  const port = await freePort();
  const waiting: ServerResponse[] = [];
  const servers = await Promise.all(
    TENANTS.map((name, index) => listening(name, { address: addressOf(index), port }, waiting)),
  );
  return {
    at(name) {
      const index = NAMES.indexOf(name);
      if (index === -1) throw new Error(`there is no tenant ${name}`);
      return { address: addressOf(index), port };
    },
    holds: () => waiting.length > 0,
    releaseHeld() {
      for (const response of waiting.splice(0)) response.end('released\n');
    },
    async stop() {
      for (const response of waiting.splice(0)) response.destroy();
      await Promise.all(
        servers.map((server) => {
          server.closeAllConnections();
          return new Promise((resolve) => server.close(resolve));
        }),
      );
    },
  };
}

function addressOf(index: number): string {
  return `127.0.77.${index + 1}`;
}

function listening(name: string, at: EndpointAddress, waiting: ServerResponse[]): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume();
    response.setHeader('X-Served-By', name);
    if (request.url === '/hold') waiting.push(response);
    else response.end(`${name}\n`);
  });
  server.keepAliveTimeout = 60_000;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: at.address, port: at.port, exclusive: true }, () => resolve(server));
  });
}
