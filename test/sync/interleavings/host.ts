/**
 * The one HAProxy that all passes of a case share. It is kept between cases: its servers are put back as they were
 * declared. A restart starts it from the file that is published, as a host does.
 *
 * What it says of itself is disguised, so that a test of milliseconds sees what days bring: it is pid 1 as in a
 * container, and the processes of a case seem to have started minutes apart.
 */

import { type LocalHaproxy, startHaproxy } from '../../../infra/local/haproxy.ts';
import type { EndpointAddress } from '../../../lib/model/endpoint.ts';
import type { ObservedServer } from '../../../lib/model/observed.ts';
import { openSession } from '../../../lib/runtime-api/connect.ts';
import type { Disguise } from './gate.ts';

export const BACKEND = 'be_template';
/** Servers that HAProxy's own file declares. */
export const DECLARED = 8;
const OLD_SECONDS = 1_000;
/** Each process of a case than the one before it. */
const YOUNGER_SECONDS = 100;

/** Whoever fails is seen to fail: nothing is tried again, and nothing checks. */
const HEAD = `
global
  stats socket "\${HITLESS_SOCKET}" mode 600 level admin
  stats socket "ipv4@\${HITLESS_RUNTIME}" level admin
  stats timeout 1m
  stats maxconn 40
defaults
  mode http
  retries 0
  timeout connect 1s
  timeout client 60s
  timeout server 60s
frontend fe_main
  bind "\${HITLESS_FRONTEND}"
  default_backend ${BACKEND}
backend ${BACKEND}
  balance roundrobin
`;

export const TEMPLATE = `${HEAD}  {{ backends_be_template }}\n`;

export interface Host {
  readonly url: string;
  readonly socket: string;
  readonly frontend: LocalHaproxy['frontend'];
  /** @param laterMs by how much a case's clock is ahead: HAProxy has lived through that, too. */
  readonly disguise: (laterMs: () => number) => Disguise;
  /** Every server of the backend, by its name. */
  servers(): Promise<ReadonlyMap<string, ObservedServer>>;
  /** What an operator types; the reply. */
  ask(command: string): Promise<string>;
  /** Another process, from this file; null: from the one that only declares the servers. */
  restart(configuration: string | null): Promise<void>;
  /** All servers parked, in maint and at weight 1; and the process is a first one. */
  reset(): Promise<void>;
  stop(): Promise<void>;
}

export async function startHost(binary: string, placeholder: EndpointAddress): Promise<Host> {
  const { address, port } = placeholder;
  const declared = Array.from(
    { length: DECLARED },
    (_, index) => `  server websrv${index + 1} ${address}:${port} weight 1 disabled\n`,
  );
  const first = `${HEAD}${declared.join('')}`;
  const lb = await startHaproxy({ binary, configuration: first });
  let olderSeconds = OLD_SECONDS;

  const servers = async () => {
    const session = await openSession(
      { scheme: 'unix', path: lb.socket },
      { tls: {}, signal: AbortSignal.timeout(10_000) },
    );
    try {
      const state = await session.readServers(BACKEND);
      return new Map(state.servers.map((seen) => [seen.server, seen]));
    } finally {
      await session.close();
    }
  };
  return {
    url: lb.url,
    socket: lb.socket,
    frontend: lb.frontend,
    servers,
    ask: lb.ask,
    disguise: (laterMs) => (line, reply) => {
      if (line !== 'show info') return reply;
      const aged = (age: string) => Number(age) + olderSeconds + Math.round(laterMs() / 1000);
      return reply
        .replace(/^Pid: \d+$/m, 'Pid: 1')
        .replace(/^Uptime_sec: (\d+)$/m, (_, age) => `Uptime_sec: ${aged(age)}`)
        .replace(/^Start_time_sec: (\d+)$/m, (_, start) => `Start_time_sec: ${Number(start) - olderSeconds}`);
    },
    async restart(configuration) {
      await lb.restart(configuration ?? first);
      olderSeconds -= YOUNGER_SECONDS;
    },
    async reset() {
      const all = await servers();
      // What a case added or its file left out is only gone with the process.
      if (all.size !== DECLARED || [...all.values()].some((seen) => seen.forcedId)) await lb.restart(first);
      olderSeconds = OLD_SECONDS;
      const parking = Array.from({ length: DECLARED }, (_, index) => {
        const server = `set server ${BACKEND}/websrv${index + 1}`;
        return [`${server} state maint`, `${server} addr ${address} port ${port}`, `${server} weight 1`];
      });
      await lb.ask(parking.flat().join(';'));
    },
    stop: () => lb.stop(),
  };
}
