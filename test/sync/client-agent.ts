/** A Consul client agent that joins a local server: what runs beside the services on every machine of a real site. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LocalConsul } from '../../infra/local/consul.ts';
import { registrationBody, type ServiceRegistration } from '../../infra/local/consul-types.ts';
import { freePorts } from '../../infra/local/free-port.ts';
import { type StartedProcess, startProcess } from '../../infra/local/process.ts';
import { consulPath } from '../../infra/local/servers.ts';
import { temporaryFolder } from '../../infra/local/temporary-folder.ts';
import { until } from '../../infra/local/until.ts';

export interface ClientAgentOptions {
  readonly node: string;
  /** Consul's default for a client is true: a SIGTERM deregisters the node with its services. */
  readonly leaveOnTerminate: boolean;
}

export interface ClientAgent {
  /** Registers with this agent, which keeps it over its own restarts. */
  register(service: ServiceRegistration): Promise<void>;
  /** Starts it again with its data, and so with its node id; returns when it has joined. */
  start(): Promise<void>;
  /** SIGTERM; returns when it has gone, which takes four seconds when it leaves (measured on 1.8.7). */
  terminate(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Ends it and deletes its data. */
  stop(): Promise<void>;
}

export async function startClientAgent(
  server: LocalConsul,
  { node, leaveOnTerminate }: ClientAgentOptions,
): Promise<ClientAgent> {
  const folder = temporaryFolder('client');
  const [http = 0, serf = 0] = await freePorts(2);
  const url = `http://127.0.0.1:${http}`;
  const file = join(folder.path, 'client.json');
  await writeFile(
    file,
    JSON.stringify({
      bind_addr: '127.0.0.1',
      client_addr: '127.0.0.1',
      node_name: node,
      data_dir: join(folder.path, 'data'),
      ports: { http, serf_lan: serf, dns: -1, grpc: -1 },
      retry_join: [`127.0.0.1:${await serfPortOf(server)}`],
      retry_interval: '1s',
      leave_on_terminate: leaveOnTerminate,
      disable_update_check: true,
    }),
  );
  const binary = await consulPath();
  let agent: StartedProcess;
  const start = async () => {
    agent = await startProcess(binary, { arguments: ['agent', '-config-file', file] });
    await until(
      () => fetch(`${url}/v1/status/leader`).then(async (answer) => (await answer.text()).length > 2),
      { what: 'the client agent to have joined', within: 60_000 },
    );
  };
  await start();
  return {
    async register(service) {
      const response = await fetch(`${url}/v1/agent/service/register`, {
        method: 'PUT',
        body: JSON.stringify(registrationBody(service)),
      });
      if (!response.ok) throw new Error(`Consul answered ${response.status}: ${await response.text()}`);
    },
    start,
    terminate: () => agent.stop(60_000),
    kill: () => agent.kill(),
    async stop() {
      await agent.kill();
      folder.remove();
    },
  };
}

async function serfPortOf(server: LocalConsul): Promise<number> {
  const told = JSON.stringify(await server.request('GET', '/v1/agent/self'));
  const port = Number(/"SerfPortLAN":(\d+)/.exec(told)?.[1]);
  if (!(port > 0)) throw new Error('Consul does not tell its serf port');
  return port;
}
