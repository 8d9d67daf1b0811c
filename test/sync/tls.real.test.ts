/** Passes over TLS with the recommended listener, and none over a listener that only seems to be one. */

import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Certificates, createCertificates } from '../../infra/local/certificates.ts';
import { type HaproxyOptions, type LocalHaproxy, startHaproxy } from '../../infra/local/haproxy.ts';
import type { HaproxyAddresses } from '../../infra/local/haproxy-configuration.ts';
import { haproxyVersions } from '../../infra/local/servers.ts';
import type { Fleet, Instance, TlsFiles } from '../../lib/model/fleet.ts';
import { createBench, fakeConsul } from '../cli/bench.ts';
import { articleBackend, type BenchFleet, entries, shownBy, startBenchFleet } from './bench-fleet.ts';

const SNIPPET = readFileSync(new URL('../../infra/host/snippets/runtime-tls.cfg', import.meta.url), 'utf8');

let files: Certificates;

beforeAll(async () => {
  files = await createCertificates();
});
afterAll(() => files?.remove());

const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

async function started(options: HaproxyOptions): Promise<LocalHaproxy> {
  const haproxy = await startHaproxy(options);
  running.push(haproxy);
  return haproxy;
}

/** The snippet with this machine's addresses, and a backend to manage. */
function recommended({ serverPem, ca }: Certificates) {
  return ({ socket, tlsRuntime }: HaproxyAddresses): string => {
    const local = SNIPPET.replace('/var/lib/haproxy/hitless.sock user haproxy group haproxy', socket)
      .replace('unix@/hitless.sock', `unix@${socket}`)
      .replace('10.0.1.12:9443 ssl', `127.0.0.1:${tlsRuntime?.port} ssl`)
      .replace('/etc/haproxy/tls/server.pem', serverPem)
      .replace('/etc/haproxy/tls/clients.pem', ca);
    return `${local}
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend fe_main
  bind "\${HITLESS_FRONTEND}"
  default_backend be_template
${articleBackend(1_000)}`;
  };
}

/** HAProxy takes this line, and serves plain text from 2.6 on. */
function misleading({ serverPem, ca }: Certificates): string {
  return `global
  stats socket "\${HITLESS_SOCKET}" level admin
  stats socket "ipv4@\${HITLESS_RUNTIME}" level admin ssl crt ${serverPem} verify required ca-file ${ca}
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
${articleBackend(3)}`;
}

async function fleetOf(instance: Instance, tls: TlsFiles, differs: Partial<Fleet> = {}): Promise<BenchFleet> {
  const bench = await startBenchFleet({
    haproxies: [],
    others: [instance],
    policy: { slots: 3 },
    fleet: { tls, ...differs },
  });
  running.push(bench);
  return bench;
}

/** A port in front of another one that keeps every byte that a client sent. */
async function recorder(to: { host: string; port: number }) {
  const sent: Buffer[] = [];
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const upstream = connect(to);
    sockets.push(client, upstream);
    client.on('data', (chunk) => sent.push(chunk));
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  running.push({
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { port, sent: () => Buffer.concat(sent) };
}

function tlsInstance(port: number): Instance {
  return { name: 'lb1', address: { scheme: 'tls', host: '127.0.0.1', port } };
}

describe.each(await haproxyVersions())('HAProxy $version', ({ version, path: binary }) => {
  test('a pass over the recommended listener converges, a thousand slots included', async () => {
    const tls = { serverPem: files.serverPem, ca: files.ca };
    const haproxy = await started({ binary, tls, configuration: recommended(files) });
    const bench = await startBenchFleet({
      haproxies: [],
      others: [tlsInstance(haproxy.tlsRuntime?.port ?? 0)],
      policy: { slots: 1_000, drainMs: 0 },
      fleet: { tls: files, timeoutMs: 30_000 },
    });
    running.push(bench);
    bench.consul = [...entries(1, 250), ...entries(2, 250), ...entries(3, 250), ...entries(4, 250)];
    const { applied } = await bench.pass();
    expect(applied[0]?.report.reason).toBeNull();
    expect((await shownBy(haproxy)).filter((line) => line.includes(' ready '))).toHaveLength(1_000);
    const recorded = await recorder({ host: '127.0.0.1', port: haproxy.tlsRuntime?.port ?? 0 });
    const encrypted = await fleetOf(tlsInstance(recorded.port), files);
    encrypted.consul = entries(1, 3);
    await encrypted.pass();
    expect(recorded.sent().length).toBeGreaterThan(100);
    expect(recorded.sent().toString('latin1')).not.toMatch(/prompt|show|set server/);
  });

  const strangers: { what: string; tls: () => TlsFiles; says: RegExp }[] = [
    { what: 'no client certificate', tls: () => ({ ca: files.ca }), says: /client certificate/ },
    {
      what: 'the certificate of another CA',
      tls: () => ({ ...files.stranger, ca: files.ca }),
      says: /certificate/,
    },
    {
      what: 'another CA than the server’s',
      tls: () => ({ ...files, ca: files.stranger.ca }),
      says: /tls\.ca/,
    },
  ];
  test.each(strangers)('with $what a pass changes nothing and says why', async ({ tls, says }) => {
    const own = { serverPem: files.serverPem, ca: files.ca };
    const haproxy = await started({ binary, tls: own, configuration: recommended(files) });
    const before = await shownBy(haproxy);
    const bench = await fleetOf(tlsInstance(haproxy.tlsRuntime?.port ?? 0), tls());
    bench.consul = entries(1, 3);
    const { applied } = await bench.pass();
    expect(applied[0]?.report.converged).toBe(false);
    expect(applied[0]?.report.reason).toMatch(says);
    expect(await shownBy(haproxy)).toEqual(before);
  });

  test.skipIf(version === '2.2')(
    'a stats socket with `ssl` answers in plain text: no command goes over it',
    async () => {
      const haproxy = await started({ binary, configuration: misleading(files) });
      const before = await shownBy(haproxy);
      const recorded = await recorder(haproxy.runtime);
      const bench = await fleetOf(tlsInstance(recorded.port), files);
      bench.consul = entries(1, 3);
      const { applied } = await bench.pass();
      expect(applied[0]?.report.reason).toContain('answers in plain text');
      expect(recorded.sent().toString('latin1')).not.toMatch(/prompt|show|set server/);
      expect(await shownBy(haproxy)).toEqual(before);

      const consul = await fakeConsul();
      consul.register([{ address: '127.0.1.1', port: 80 }]);
      const { hitless } = createBench({
        consul: consul.url,
        instances: { lb1: `tls://127.0.0.1:${recorded.port}` },
        fleet: [`tls: { ca: ${files.ca}, cert: ${files.cert}, key: ${files.key} }`],
      });
      const check = await hitless('check --live');
      expect(check.code).toBe(1);
      expect(check.stdout).toMatch(/problem {2}lb1: .*answers in plain text/);
      expect((await hitless('sync')).code).toBe(3);
      expect(recorded.sent().toString('latin1')).not.toMatch(/prompt|show|set server/);
      expect(await shownBy(haproxy)).toEqual(before);
    },
  );
});

test('the snippet has what these tests take from it', () => {
  for (const text of ['/var/lib/haproxy/hitless.sock', 'unix@/hitless.sock', '10.0.1.12:9443 ssl']) {
    expect(SNIPPET).toContain(text);
  }
});
