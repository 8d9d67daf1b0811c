/**
 * `/metrics` of a running `hitless run`: what `status --prometheus` tells, from the store, and what it counts of itself.
 * On the loopback interface alone, without a password: there is nothing secret in it, and nothing can be changed.
 */

import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { Gauge, type Registry } from 'prom-client';
import { type Statuses, statusRegistry } from '../output/prometheus-text.ts';
import type { PassCounts } from './pass-counts.ts';

/** Of each metric its help, and its labels in their order. */
export const RUN_METRICS = {
  hitless_passes_total: {
    help: 'Passes since the process began, by their result.',
    labels: ['fleet', 'result'],
  },
  hitless_pass_duration_seconds: { help: 'How long the last pass took that was done.', labels: ['fleet'] },
  hitless_pass_timestamp_seconds: {
    help: 'When the last pass ended that was done, since 1970; absent: none was.',
    labels: ['fleet'],
  },
  hitless_consul_up: { help: '1: Consul answered the last question about the service.', labels: ['service'] },
  hitless_config_reload_success: {
    help: '1: the last hitless.yml that was to be read could be used.',
    labels: [],
  },
} as const satisfies Record<string, { readonly help: string; readonly labels: readonly string[] }>;

type Name = keyof typeof RUN_METRICS;

export interface MetricsServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * @param port 0: any free one. @param statuses asked at each request.
 * @throws Error when the port cannot be had.
 */
export async function serveMetrics(
  port: number,
  statuses: () => Promise<Statuses>,
  counts: PassCounts,
): Promise<MetricsServer> {
  const server = createServer(async (request, response) => {
    const refused = refusal(request);
    if (refused !== null) {
      response.writeHead(refused).end();
      return;
    }
    try {
      const registry = statusRegistry(await statuses());
      addCounts(registry, counts);
      response.writeHead(200, { 'content-type': registry.contentType }).end(await registry.metrics());
    } catch (error) {
      response.writeHead(500).end(`${error instanceof Error ? error.message : String(error)}\n`);
    }
  });
  server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  const { port: own } = server.address() as AddressInfo;
  return {
    port: own,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function refusal(request: IncomingMessage): number | null {
  if (!isLocal(request)) return 403;
  return request.method === 'GET' && request.url === '/metrics' ? null : 404;
}

/** A page of somebody else's that a browser on this machine shows names another host. */
function isLocal({ headers: { host = '' } }: IncomingMessage): boolean {
  const name = host.replace(/:\d+$/, '');
  return name === 'localhost' || (isIP(name) !== 0 && name.startsWith('127.'));
}

function addCounts(registry: Registry, { fleets, followed, configurationIsRead }: PassCounts): void {
  const gauges = new Map(
    Object.entries(RUN_METRICS).map(([name, { help, labels }]) => [
      name,
      new Gauge({ name, help, labelNames: [...labels], registers: [registry] }),
    ]),
  );
  const set = (name: Name, labels: Readonly<Record<string, string>>, value: number) =>
    gauges.get(name)?.set({ ...labels }, value);
  set('hitless_config_reload_success', {}, configurationIsRead ? 1 : 0);
  for (const [service, isUp] of followed) set('hitless_consul_up', { service }, isUp ? 1 : 0);
  for (const [fleet, { done, failed, lastMs, lastDoneAtMs }] of fleets) {
    set('hitless_passes_total', { fleet, result: 'done' }, done);
    set('hitless_passes_total', { fleet, result: 'failed' }, failed);
    if (lastMs !== null) set('hitless_pass_duration_seconds', { fleet }, lastMs / 1_000);
    if (lastDoneAtMs !== null) set('hitless_pass_timestamp_seconds', { fleet }, lastDoneAtMs / 1_000);
  }
}
