/**
 * A real Consul agent on free ports of 127.0.0.1, alone in its cluster.
 *
 * By default it is a `-dev` agent with a data folder: it answers in a fifth of a second, its services survive
 * `reload`, `kill` and `restart`, but its indexes begin anew after a restart, as they do when a cluster's data are
 * rebuilt. With `durable` it is an ordinary server whose indexes go on; that takes two seconds. Both measured on 1.8.7.
 */

import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  type CheckStatus,
  registrationBody,
  type ServiceRegistration,
  type ServiceWatch,
  watchDefinition,
} from './consul-types.ts';
import { freePorts } from './free-port.ts';
import { type StartedProcess, startProcess } from './process.ts';
import { consulPath } from './servers.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { until } from './until.ts';

export interface ConsulOptions {
  /** The program; `consulPath()` unless told. */
  readonly binary?: string;
  /** Posted to, or run, from the start: each watch tells its present state at once, an empty one too. */
  readonly watches?: readonly ServiceWatch[];
  /** Registered, and to be read, before `startConsul` returns. */
  readonly services?: readonly ServiceRegistration[];
  /** Name of the agent's node; `local` unless told. */
  readonly node?: string;
  /** Keep everything over a restart, the indexes too; see above. */
  readonly durable?: boolean;
}

export interface LocalConsul {
  /** `http://127.0.0.1:PORT`, without a slash at the end: what hitless.yml calls `consul.address`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  running(): boolean;
  /** What Consul logged (failed watch handlers, for instance), the last 64 kB. */
  output(): string;
  /** Registers with the agent, or changes what is registered; the catalog has it a few milliseconds later. */
  register(service: ServiceRegistration): Promise<void>;
  deregister(id: string): Promise<void>;
  /** Consul's maintenance of one service, on or off. */
  setMaintenance(id: string, on: boolean, reason?: string): Promise<void>;
  /** Tells a TTL check; `checkId` is `service:ID` unless the check was given an id. */
  setCheck(checkId: string, status: CheckStatus, output?: string): Promise<void>;
  /** `/v1/health/service/NAME` as it is answered now. */
  health(service: string): Promise<readonly unknown[]>;
  /** Any other call of Consul's HTTP API; `path` begins with `/v1/`. Throws on every status but 2xx. */
  request(method: 'GET' | 'PUT', path: string, body?: unknown): Promise<unknown>;
  /** Replaces all watches and reloads the agent; every watch then tells its present state. */
  setWatches(watches: readonly ServiceWatch[]): Promise<void>;
  /** SIGTERM, and deletes its data: it cannot be restarted. */
  stop(): Promise<void>;
  /** SIGKILL; `restart` brings it back. */
  kill(): Promise<void>;
  /** Ends it with SIGTERM if it runs, and starts it again at the same address with its data. */
  restart(): Promise<void>;
}

/**
 * Starts a Consul agent and waits until it has elected itself and its catalog can be read.
 *
 * @throws Error with Consul's own words when it does not start.
 */
export async function startConsul(options: ConsulOptions = {}): Promise<LocalConsul> {
  const binary = options.binary ?? (await consulPath());
  const folder = temporaryFolder('consul');
  const node = options.node ?? 'local';
  try {
    const configurationPath = join(folder.path, 'agent.json');
    const [port = 0, server = 0, serf = 0] = await freePorts(3);
    const url = `http://127.0.0.1:${port}`;
    const { grpcTls } = await featuresOf(binary);
    const writeConfiguration = (watches: readonly ServiceWatch[]) =>
      writeFile(
        configurationPath,
        JSON.stringify({
          ...fixedSettings,
          node_name: node,
          data_dir: join(folder.path, 'data'),
          ports: { http: port, server, serf_lan: serf, serf_wan: -1, dns: -1, grpc: -1, ...grpcTls },
          watches: watches.map(watchDefinition),
        }),
      );
    const launch = () =>
      launchAgent(binary, configurationPath, url, { node, durable: options.durable ?? false });
    const request = (method: 'GET' | 'PUT', path: string, body?: unknown) => call(url, method, path, body);
    const register = async (service: ServiceRegistration) => {
      await request('PUT', '/v1/agent/service/register', registrationBody(service));
    };

    await writeConfiguration(options.watches ?? []);
    let agent = await launch();
    for (const service of options.services ?? []) await register(service);
    await catalogued(url, options.services ?? []);

    return {
      url,
      host: '127.0.0.1',
      port,
      get pid() {
        return agent.pid;
      },
      running: () => agent.running(),
      output: () => agent.output(),
      register,
      async deregister(id) {
        await request('PUT', `/v1/agent/service/deregister/${encodeURIComponent(id)}`);
      },
      async setMaintenance(id, on, reason = '') {
        const query = new URLSearchParams({ enable: String(on), reason });
        await request('PUT', `/v1/agent/service/maintenance/${encodeURIComponent(id)}?${query}`);
      },
      async setCheck(checkId, status, output = '') {
        const path = `/v1/agent/check/update/${encodeURIComponent(checkId)}`;
        await request('PUT', path, { Status: status, Output: output });
      },
      health: (service) => health(url, service),
      request,
      async setWatches(watches) {
        await writeConfiguration(watches);
        await request('PUT', '/v1/agent/reload');
      },
      async stop() {
        await agent.stop();
        folder.remove();
      },
      kill: () => agent.kill(),
      async restart() {
        await agent.stop();
        agent = await launch();
      },
    };
  } catch (error) {
    folder.remove();
    throw error;
  }
}

const fixedSettings = {
  bind_addr: '127.0.0.1',
  client_addr: '127.0.0.1',
  server: true,
  bootstrap: true,
  performance: { raft_multiplier: 1 },
  // A SIGTERM ends the agent without its leaving the cluster, which would deregister its services.
  leave_on_terminate: false,
  disable_update_check: true,
  log_level: 'info',
};

/** Consul 1.14 and later open one more port unless told not to; earlier ones refuse to be told. */
async function featuresOf(binary: string): Promise<{ readonly grpcTls: Record<string, number> }> {
  const { stdout } = await promisify(execFile)(binary, ['version']);
  const [, major = '0', minor = '0'] = /v?(\d+)\.(\d+)/.exec(stdout) ?? [];
  return { grpcTls: Number(major) > 1 || Number(minor) >= 14 ? { grpc_tls: -1 } : {} };
}

async function launchAgent(
  binary: string,
  configurationPath: string,
  url: string,
  { node, durable }: { readonly node: string; readonly durable: boolean },
): Promise<StartedProcess> {
  const agent = await startProcess(binary, {
    arguments: ['agent', ...(durable ? [] : ['-dev']), '-config-file', configurationPath],
  });
  try {
    await until(
      async () => {
        if (!agent.running()) return true;
        const leader = await call(url, 'GET', '/v1/status/leader');
        const members = await health(url, 'consul');
        return leader !== '' && members.length > 0 && JSON.stringify(members).includes(`"Node":"${node}"`);
      },
      { what: 'Consul to elect itself', within: 30_000 },
    );
    if (!agent.running()) throw new Error(`Consul did not start:\n${agent.output().trim()}`);
    return agent;
  } catch (error) {
    await agent.kill();
    throw error;
  }
}

async function catalogued(url: string, services: readonly ServiceRegistration[]): Promise<void> {
  for (const { id, name } of services) {
    await until(async () => JSON.stringify(await health(url, name)).includes(`"ID":${JSON.stringify(id)}`), {
      what: `Consul's catalog to have ${id}`,
    });
  }
}

async function health(url: string, service: string): Promise<readonly unknown[]> {
  const entries = await call(url, 'GET', `/v1/health/service/${encodeURIComponent(service)}`);
  if (!Array.isArray(entries)) throw new Error(`Consul answered no list: ${JSON.stringify(entries)}`);
  return entries;
}

async function call(url: string, method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${url}${path}`, {
    method,
    signal: AbortSignal.timeout(10_000),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok)
    throw new Error(`Consul answered ${response.status} to ${method} ${path}: ${text.trim()}`);
  return response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text;
}
