import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { createCertificates } from '../../../infra/local/certificates.ts';
import { type HaproxyOptions, type LocalHaproxy, startHaproxy } from '../../../infra/local/haproxy.ts';
import { configurationText } from '../../../infra/local/haproxy-configuration.ts';
import { isAlive } from '../../../infra/local/process.ts';
import { haproxyVersions } from '../../../infra/local/servers.ts';
import { startWebServer } from '../../../infra/local/web-server.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options: HaproxyOptions): Promise<LocalHaproxy> {
  const haproxy = await startHaproxy(options);
  cleanups.push(() => haproxy.stop());
  return haproxy;
}

const article = [
  'backend be_template',
  '  balance roundrobin',
  '  server-template websrv 1-100 127.0.0.1:8080 check disabled',
].join('\n');

describe.each(await haproxyVersions())('HAProxy $version', ({ path: binary, version }) => {
  test("answers on its unix socket and its TCP port with the article's hundred slots", async () => {
    const haproxy = await start({ binary, backend: article });
    const state = await haproxy.ask('show servers state be_template');
    expect(state.split('\n').filter((line) => line.includes(' be_template '))).toHaveLength(100);
    const info = await overTcp(haproxy, 'show info');
    expect(info).toContain(`\nPid: ${haproxy.pid}\n`);
    expect(info).toContain(`Version: ${version}.`);
  });

  test('serves what the Runtime API tells it to serve', async () => {
    const web = await startWebServer({ name: 'web1' });
    cleanups.push(() => web.kill());
    const haproxy = await start({ binary, backend: article });
    expect((await fetch(haproxy.url)).status).toBe(503);
    await haproxy.ask(`set server be_template/websrv7 addr ${web.address} port ${web.port}`);
    await haproxy.ask('set server be_template/websrv7 state ready');
    expect(await (await fetch(haproxy.url)).text()).toBe('web1\n');
    expect(web.requests).toBe(1);
  });

  test('reloads a new file with a new worker, and goes on with the old one when the file is bad', async () => {
    const haproxy = await start({ binary, backend: article });
    const { pid, masterPid } = haproxy;
    await haproxy.reload(
      configurationText({ backend: 'backend be_other\n  server one 127.0.0.1:1 disabled' }),
    );
    expect(haproxy.pid).not.toBe(pid);
    expect(haproxy.masterPid).toBe(masterPid);
    expect(await haproxy.ask('show backend')).toContain('be_other');

    await expect(haproxy.reload('no such section\n')).rejects.toThrow(/no.*section/s);
    expect(await haproxy.ask('show info')).toContain(`\nPid: ${haproxy.pid}\n`);
    expect(await haproxy.ask('show backend')).toContain('be_other');
  });

  test('is gone after a kill, worker and all, and comes back at the same addresses', async () => {
    const haproxy = await start({ binary, backend: article });
    const { pid, url, runtime } = haproxy;
    await haproxy.kill();
    expect(haproxy.running()).toBe(false);
    expect(isAlive(pid)).toBe(false);
    await expect(fetch(url)).rejects.toThrow();
    await haproxy.restart();
    expect(haproxy.pid).not.toBe(pid);
    expect(haproxy).toMatchObject({ url, runtime });
    expect(await overTcp(haproxy, 'show info')).toContain(`\nPid: ${haproxy.pid}\n`);
  });

  test('a stop leaves neither a process nor a file', async () => {
    const haproxy = await startHaproxy({ binary, backend: article });
    const { pid, masterPid } = haproxy;
    await haproxy.stop();
    expect([isAlive(pid), isAlive(masterPid)]).toEqual([false, false]);
    expect([existsSync(haproxy.socket), existsSync(haproxy.configurationPath)]).toEqual([false, false]);
  });

  test('a file it refuses is an error in its own words, and nothing is left running', async () => {
    const started = startHaproxy({ binary, configuration: 'global\n  no-such-keyword\n' });
    await expect(started).rejects.toThrow(/unknown keyword 'no-such-keyword'/);
  });

  test('at operator level it tells and does not obey', async () => {
    const haproxy = await start({ binary, backend: article, level: 'operator' });
    expect(await haproxy.ask('show servers state be_template')).toContain('websrv100');
    expect(await haproxy.ask('set server be_template/websrv1 state ready')).toContain('Permission denied');
  });

  test('its TLS Runtime API answers a client with a certificate, and no other', async () => {
    const tls = await createCertificates();
    cleanups.push(() => tls.remove());
    const haproxy = await start({ binary, backend: article, tls });
    const { cert, key, ca, stranger } = tls;
    expect(await overTls(haproxy, { ca, cert, key })).toContain(`\nPid: ${haproxy.pid}\n`);
    await expect(overTls(haproxy, { ca })).rejects.toThrow();
    await expect(overTls(haproxy, { ca, cert: stranger.cert, key: stranger.key })).rejects.toThrow();
  });

  test('a whole configuration can name its addresses itself or by environment', async () => {
    const own = (frontend: string) =>
      [
        'global',
        `  stats socket ${variable('HITLESS_SOCKET')} level admin`,
        'defaults',
        '  mode http',
        '  timeout connect 1s',
        '  timeout client 1s',
        '  timeout server 1s',
        'frontend fe',
        `  bind ${frontend}`,
        '  http-request deny deny_status 429',
      ].join('\n');
    const haproxy = await start({
      binary,
      configuration: ({ frontend }) => `${own(`${frontend.host}:${frontend.port}`)}\n`,
    });
    expect((await fetch(haproxy.url)).status).toBe(429);
    await writeFile(haproxy.configurationPath, `${own(variable('HITLESS_FRONTEND'))}\n`);
    await haproxy.reload();
    expect((await fetch(haproxy.url)).status).toBe(429);
  });
});

/** As HAProxy's configuration reads an environment variable. */
function variable(name: string): string {
  return `"\${${name}}"`;
}

function overTcp({ runtime }: LocalHaproxy, command: string): Promise<string> {
  return converse(connectTcp(runtime.port, runtime.host), command);
}

function overTls(
  { tlsRuntime }: LocalHaproxy,
  files: { readonly ca: string; readonly cert?: string; readonly key?: string },
): Promise<string> {
  if (tlsRuntime === null) throw new Error('no TLS listener');
  const [ca, cert, key] = [files.ca, files.cert, files.key].map((file) => file && readFileSync(file));
  return converse(connectTls({ ...tlsRuntime, ca, cert, key }), 'show info');
}

function converse(socket: ReturnType<typeof connectTcp>, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let reply = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      reply += chunk;
    });
    socket.on('error', reject);
    socket.on('end', () => (reply === '' ? reject(new Error('closed without a reply')) : resolve(reply)));
    socket.write(`${command}\n`);
  });
}
