/**
 * HAProxy's own way: a server-template that a resolver fills from Consul's DNS over TCP, with timers of one second, the
 * shortest that its documentation shows. (Over UDP an answer of 200 servers does not fit, and servers get lost.)
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { registrationBody, type ServiceRegistration } from '../../../infra/local/consul-types.ts';
import { freePorts } from '../../../infra/local/free-port.ts';
import { type LocalHaproxy, startHaproxy } from '../../../infra/local/haproxy.ts';
import { startProcess } from '../../../infra/local/process.ts';
import { consulPath } from '../../../infra/local/servers.ts';
import { temporaryFolder } from '../../../infra/local/temporary-folder.ts';
import { until } from '../../../infra/local/until.ts';

export const DNS_BACKEND = 'be_dns';

export interface DnsDiscovery {
  readonly haproxy: LocalHaproxy;
  register(service: ServiceRegistration): Promise<void>;
  deregister(id: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startDnsDiscovery(service: string, slots: number): Promise<DnsDiscovery> {
  const folder = temporaryFolder('dns');
  const [http = 0, dns = 0, server = 0, serf = 0] = await freePorts(4);
  const configuration = join(folder.path, 'agent.json');
  await writeFile(
    configuration,
    JSON.stringify({
      ...{ bind_addr: '127.0.0.1', client_addr: '127.0.0.1', node_name: 'dns', disable_update_check: true },
      ports: { http, dns, server, serf_lan: serf, serf_wan: -1, grpc: -1 },
      dns_config: { service_ttl: { '*': '0s' } },
    }),
  );
  const agent = await startProcess(await consulPath(), {
    arguments: ['agent', '-dev', '-config-file', configuration],
  });
  const call = async (method: string, path: string, body?: unknown) => {
    const answer = await fetch(`http://127.0.0.1:${http}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`Consul answered ${answer.status} to ${path}: ${await answer.text()}`);
    return answer.text();
  };
  await until(async () => (await call('GET', '/v1/status/leader')).length > 2, {
    what: 'Consul to elect itself',
  });
  const haproxy = await startHaproxy({
    backend: [
      `backend ${DNS_BACKEND}`,
      '  balance roundrobin',
      `  server-template srv 1-${slots} _${service}._tcp.service.consul resolvers consul resolve-prefer ipv4 init-addr none`,
      'resolvers consul',
      `  nameserver consul tcp@127.0.0.1:${dns}`,
      '  accepted_payload_size 8192',
      '  timeout resolve 1s',
      '  timeout retry 1s',
      '  hold valid 1s',
      '  hold obsolete 0s',
      '  hold nx 1s',
      '',
    ].join('\n'),
  });
  return {
    haproxy,
    async register(one) {
      await call('PUT', '/v1/agent/service/register', registrationBody(one));
    },
    async deregister(id) {
      await call('PUT', `/v1/agent/service/deregister/${encodeURIComponent(id)}`);
    },
    async stop() {
      await haproxy.stop();
      await agent.stop();
      folder.remove();
    },
  };
}
