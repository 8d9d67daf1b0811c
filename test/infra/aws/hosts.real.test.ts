import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Certificates, createCertificates } from '../../../infra/local/certificates.ts';
import { freePort, freePorts } from '../../../infra/local/free-port.ts';
import { startHaproxy } from '../../../infra/local/haproxy.ts';
import { consulPath, haproxyVersions } from '../../../infra/local/servers.ts';
import { temporaryFolder } from '../../../infra/local/temporary-folder.ts';
import { loadConfig } from '../../../lib/config/load-config.ts';
import { renderConfiguration } from '../../../lib/render/configuration.ts';
import { openSession } from '../../../lib/runtime-api/connect.ts';

const run = promisify(execFile);
const fileOf = (path: string) => fileURLToPath(new URL(`../../../infra/aws/${path}`, import.meta.url));
const textOf = (path: string) => readFile(fileOf(path), 'utf8');

let certificates: Certificates;
const folder = temporaryFolder('hosts');
beforeAll(async () => {
  certificates = await createCertificates();
});
afterAll(() => {
  certificates.remove();
  folder.remove();
});

interface Places {
  readonly socket: string;
  readonly port: number;
}

/** The paths and ports of a host, replaced by some of ours; and HAProxy runs as whoever runs the tests. */
function here(text: string, { socket, port }: Places): string {
  return text
    .replaceAll('/run/haproxy/admin.sock', socket)
    .replaceAll('/etc/haproxy/tls/server.pem', certificates.serverPem)
    .replaceAll('/etc/haproxy/tls/clients.pem', certificates.ca)
    .replace('bind :9443', `bind 127.0.0.1:${port}`)
    .replace('user haproxy group haproxy mode', 'mode')
    .replace(/^ {4}(user|group) haproxy\n/gm, '');
}

async function exampleFleet() {
  const { fleets } = await loadConfig(fileOf('example/hitless.yml'));
  const [fleet] = fleets;
  if (fleet === undefined) throw new Error('the example has no fleet');
  return fleet;
}

describe.each(await haproxyVersions())('HAProxy $version', ({ version, path: binary }) => {
  async function check(name: string, text: string): Promise<string> {
    const file = join(folder.path, `${version}-${name}`);
    await writeFile(file, text);
    const { stdout, stderr } = await run(binary, ['-c', '-f', file]);
    return stdout + stderr;
  }
  const anywhere = { socket: join(folder.path, 'admin.sock'), port: 9443 };

  test('accepts the two snippets and what the example renders, without a warning', async () => {
    const [listener, slots] = [
      await textOf('hosts/runtime-api-tls.cfg'),
      await textOf('hosts/server-template.cfg'),
    ];
    const free = { state: 'free', freedAtMs: 0, last: null } as const;
    const backends = {
      be_template: {
        service: 'my-cluster',
        server: 'websrv',
        slots: Array.from({ length: 100 }, () => free),
        departures: [],
        refused: [],
      },
    };
    const rendered = renderConfiguration(await exampleFleet(), { backends })?.text ?? '';
    expect(rendered).toContain('server websrv100 ');
    for (const [name, text] of Object.entries({ slots: `${listener}\n${slots}`, listener, rendered })) {
      expect(await check(name, here(text, anywhere)), name).not.toMatch(/ALERT|WARNING/i);
    }
  });

  test("declares the slots that the example's hitless.yml names, without a file of ours", async () => {
    const [listener, slots] = [
      await textOf('hosts/runtime-api-tls.cfg'),
      await textOf('hosts/server-template.cfg'),
    ];
    const [port = 0, http = 0] = await freePorts(2);
    const haproxy = await startHaproxy({
      binary,
      configuration: ({ socket }) =>
        here(`${listener}\n${slots}`, { socket, port }).replace('bind :80', `bind 127.0.0.1:${http}`),
    });
    onTestFinished(() => haproxy.stop());
    const [backend] = (await exampleFleet()).backends;
    const state = await haproxy.ask(`show servers state ${backend?.backend}`);
    const names = state.split('\n').flatMap((line) => /^\d+ be_template \d+ (\S+) /.exec(line)?.[1] ?? []);
    expect(names).toEqual(
      Array.from({ length: backend?.slots ?? 0 }, (_, index) => `${backend?.server}${index + 1}`),
    );
  });

  test('lets the worker in by its certificate, and nobody without one of that authority', async () => {
    const listener = await textOf('hosts/runtime-api-tls.cfg');
    const port = await freePort();
    const haproxy = await startHaproxy({
      binary,
      configuration: ({ socket }) => here(listener, { socket, port }),
    });
    onTestFinished(() => haproxy.stop());
    const address = { scheme: 'tls', host: '127.0.0.1', port } as const;
    const open = (tls: { ca: string; cert?: string; key?: string }) =>
      openSession(address, { tls, signal: AbortSignal.timeout(20_000) });
    const { ca, cert, key, stranger } = certificates;
    const session = await open({ ca, cert, key });
    onTestFinished(() => session.close());
    expect(await session.readInfo()).toMatchObject({ pid: haproxy.pid });
    await expect(open({ ca })).rejects.toThrow();
    await expect(open({ ca, cert: stranger.cert, key: stranger.key })).rejects.toThrow();
  });
});

test('Consul accepts the watch', async () => {
  const agent = join(folder.path, 'agent.json');
  await writeFile(agent, JSON.stringify({ data_dir: folder.path }));
  const { stdout } = await run(await consulPath(), ['validate', agent, fileOf('hosts/consul-watch.json')]);
  expect(stdout).toContain('Configuration is valid!');
});
