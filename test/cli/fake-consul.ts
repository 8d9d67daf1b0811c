/** A Consul that answers whatever a test wants, also what a real one never would. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A registration as `/v1/health/service/NAME` shows it. */
export interface Registration {
  readonly address: string;
  readonly port: number;
  readonly tags?: readonly string[];
  readonly weight?: number;
  readonly status?: string;
}

export interface FakeConsul {
  readonly url: string;
  /** What the next answers are. */
  answer: { readonly status: number; readonly type: string; readonly body: string };
  /** Has `my-cluster` and every other service consist of these. */
  register(registrations: readonly Registration[]): void;
  /** The tokens that came with the requests so far. */
  readonly tokens: (string | undefined)[];
  stop(): Promise<void>;
}

export async function startFakeConsul(): Promise<FakeConsul> {
  const server = createServer((request, response) => {
    fake.tokens.push(request.headers['x-consul-token']?.toString());
    const { status, type, body } = fake.answer;
    response.writeHead(status, { 'content-type': type, 'x-consul-index': '7' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const fake: FakeConsul = {
    url: `http://127.0.0.1:${port}`,
    answer: json([]),
    tokens: [],
    register(registrations) {
      fake.answer = json(registrations);
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return fake;
}

/** `count` endpoints 127.0.NET.1, 127.0.NET.2, …: loopback addresses on which nobody listens. */
export function endpoints(net: number, count: number): Registration[] {
  return Array.from({ length: count }, (_, index) => ({ address: `127.0.${net}.${index + 1}`, port: 8080 }));
}

/** The body of a watch of type `service`, and of the health API. */
export function healthEntries(registrations: readonly Registration[]): string {
  return JSON.stringify(
    registrations.map(({ address, port, tags = [], weight = 1, status = 'passing' }, index) => ({
      Node: { Node: 'virtdeb1', Address: '192.168.122.185' },
      Service: {
        ID: `my-cluster-${index}`,
        Address: address,
        Port: port,
        Tags: tags,
        Weights: { Passing: weight, Warning: 1 },
      },
      Checks: [{ CheckID: 'service', Status: status }],
    })),
  );
}

function json(registrations: readonly Registration[]): FakeConsul['answer'] {
  return { status: 200, type: 'application/json', body: healthEntries(registrations) };
}
