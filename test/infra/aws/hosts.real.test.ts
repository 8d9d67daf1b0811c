import { execFile } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
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
const fileOf = (path: string) => fileURLToPath(new URL(`../../../infra/${path}`, import.meta.url));
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

/** The paths and ports of a host, replaced by some of ours. */
function here(text: string, { socket, port }: Places): string {
  return (
    text
      .replaceAll('/var/lib/haproxy/hitless.sock', socket)
      .replaceAll('/var/lib/haproxy', dirname(socket))
      .replaceAll('unix@/hitless.sock', `unix@/${basename(socket)}`)
      .replaceAll('/etc/haproxy/tls/server.pem', certificates.serverPem)
      .replaceAll('/etc/haproxy/tls/clients.pem', certificates.ca)
      .replace(/bind \S*:9443/, `bind 127.0.0.1:${port}`)
      // More than a container may open.
      .replace('maxconn 20000', 'maxconn 200')
  );
}

/** As whoever runs the tests, who may not be root: where the socket is outside is then where it is inside. */
function withoutChroot(text: string, { socket }: Places): string {
  return text
    .replace(/^ {4}(chroot|user|group) .*\n/gm, '')
    .replace('user haproxy group haproxy mode', 'mode')
    .replace(`unix@/${basename(socket)}`, `unix@${socket}`);
}

async function exampleFleet() {
  const { fleets } = await loadConfig(fileOf('aws/example/hitless.yml'));
  const [fleet] = fleets;
  if (fleet === undefined) throw new Error('the example has no fleet');
  return fleet;
}

/** What the example's hosts get, with free slots. */
async function renderedExample(): Promise<string> {
  const free = { state: 'free', freedAtMs: 0, last: null } as const;
  const slots = Array.from({ length: 100 }, () => free);
  const backend = { service: 'my-cluster', server: 'websrv', slots, departures: [], refused: [] };
  return renderConfiguration(await exampleFleet(), { backends: { be_template: backend } })?.text ?? '';
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
      await textOf('host/snippets/runtime-tls.cfg'),
      await textOf('aws/hosts/server-template.cfg'),
    ];
    const rendered = await renderedExample();
    expect(rendered).toContain('server websrv100 ');
    for (const [name, text] of Object.entries({ slots: `${listener}\n${slots}`, listener, rendered })) {
      expect(await check(name, withoutChroot(here(text, anywhere), anywhere)), name).not.toMatch(
        /ALERT|WARNING/i,
      );
    }
  });

  test("declares the slots that the example's hitless.yml names, without a file of ours", async () => {
    const [listener, slots] = [
      await textOf('host/snippets/runtime-tls.cfg'),
      await textOf('aws/hosts/server-template.cfg'),
    ];
    const [port = 0, http = 0] = await freePorts(2);
    const haproxy = await startHaproxy({
      binary,
      configuration: ({ socket }) => {
        const text = here(`${listener}\n${slots}`, { socket, port });
        return withoutChroot(text, { socket, port }).replace('bind :80', `bind 127.0.0.1:${http}`);
      },
    });
    onTestFinished(() => haproxy.stop());
    const [backend] = (await exampleFleet()).backends;
    const state = await haproxy.ask(`show servers state ${backend?.backend}`);
    const names = state.split('\n').flatMap((line) => /^\d+ be_template \d+ (\S+) /.exec(line)?.[1] ?? []);
    expect(names).toEqual(
      Array.from({ length: backend?.slots ?? 0 }, (_, index) => `${backend?.server}${index + 1}`),
    );
  });

  const open = (port: number, tls: { ca: string; cert?: string; key?: string }) =>
    openSession({ scheme: 'tls', host: '127.0.0.1', port }, { tls, signal: AbortSignal.timeout(20_000) });

  test('lets the worker in by its certificate, and nobody without one of that authority', async () => {
    const listener = await textOf('host/snippets/runtime-tls.cfg');
    const port = await freePort();
    const haproxy = await startHaproxy({
      binary,
      configuration: ({ socket }) => withoutChroot(here(listener, { socket, port }), { socket, port }),
    });
    onTestFinished(() => haproxy.stop());
    const { ca, cert, key, stranger } = certificates;
    const session = await open(port, { ca, cert, key });
    onTestFinished(() => session.close());
    expect(await session.readInfo()).toMatchObject({ pid: haproxy.pid });
    await expect(open(port, { ca })).rejects.toThrow();
    await expect(open(port, { ca, cert: stranger.cert, key: stranger.key })).rejects.toThrow();
  });

  test.runIf(process.getuid?.() === 0)(
    'lets the worker in also from within the chroot, and after a reload',
    async () => {
      const rendered = await renderedExample();
      const [port = 0, http = 0] = await freePorts(2);
      const haproxy = await startHaproxy({
        binary,
        configuration: ({ socket }) => {
          // HAProxy's user walks through its own root.
          chmodSync(dirname(socket), 0o755);
          return here(rendered, { socket, port })
            .replaceAll('user haproxy', 'user nobody')
            .replaceAll(/ *group haproxy\n?/g, '')
            .replace('bind :80', `bind 127.0.0.1:${http}`);
        },
      });
      onTestFinished(() => haproxy.stop());
      const { ca, cert, key } = certificates;
      const pids = [];
      for (let round = 0; round < 2; round += 1) {
        const session = await open(port, { ca, cert, key });
        pids.push((await session.readInfo()).pid);
        await session.close();
        await haproxy.reload();
      }
      expect(new Set(pids).size).toBe(2);
    },
  );
});

test('Consul accepts the watch', async () => {
  const agent = join(folder.path, 'agent.json');
  await writeFile(agent, JSON.stringify({ data_dir: folder.path }));
  const { stdout } = await run(await consulPath(), [
    'validate',
    agent,
    fileOf('aws/hosts/consul-watch.json'),
  ]);
  expect(stdout).toContain('Configuration is valid!');
});
