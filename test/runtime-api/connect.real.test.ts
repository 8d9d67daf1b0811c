import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type HaproxyOptions, type LocalHaproxy, startHaproxy } from '../../infra/local/haproxy.ts';
import { haproxyVersions } from '../../infra/local/servers.ts';
import { temporaryFolder } from '../../infra/local/temporary-folder.ts';
import type { InstanceAddress, TlsFiles } from '../../lib/model/fleet.ts';
import { addressText } from '../../lib/runtime-api/address-text.ts';
import { openSession } from '../../lib/runtime-api/connect.ts';
import { type Certificates, makeCertificates } from './certificates.ts';

const folder = temporaryFolder('certificates');
let files: Certificates;

beforeAll(async () => {
  files = await makeCertificates(folder.path);
});
afterAll(() => folder.remove());

/** The deadline is for a busy machine; what is to be refused is refused long before. */
async function open(address: InstanceAddress, tls: TlsFiles = {}, milliseconds = 20_000) {
  const session = await openSession(address, { tls, signal: AbortSignal.timeout(milliseconds) });
  onTestFinished(() => session.close());
  return session;
}

async function started(options: HaproxyOptions): Promise<LocalHaproxy> {
  const haproxy = await startHaproxy(options);
  onTestFinished(() => haproxy.stop());
  return haproxy;
}

test.each([
  { host: 'localhost', told: 'localhost' },
  { host: '127.0.0.1', told: false },
])('a TLS server is told the name $host only if it is one', async ({ host, told }) => {
  const names: unknown[] = [];
  const pem = await readFile(files.serverPem);
  const server = createServer({ cert: pem, key: pem }, (socket) => {
    names.push(socket.servername);
    socket.on('error', () => {}).on('data', () => socket.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await expect(open({ scheme: 'tls', host, port }, { ca: files.ca })).rejects.toMatchObject({
    why: expect.stringContaining('without an answer'),
  });
  expect(names).toEqual([told]);
});

describe.each(await haproxyVersions())('HAProxy $version', ({ version, path: binary }) => {
  let haproxy: LocalHaproxy;
  let tlsPort: number;

  beforeAll(async () => {
    haproxy = await startHaproxy({ binary, tls: { serverPem: files.serverPem, ca: files.ca } });
    tlsPort = haproxy.tlsRuntime?.port ?? 0;
  });
  afterAll(() => haproxy?.stop());

  test('is reached over its unix socket', async () => {
    const session = await open({ scheme: 'unix', path: haproxy.socket });
    expect(await session.readInfo()).toMatchObject({ pid: haproxy.pid });
  });

  test('is reached over TCP', async () => {
    const session = await open({ scheme: 'tcp', ...haproxy.runtime });
    expect(await session.readInfo()).toMatchObject({ pid: haproxy.pid });
  });

  test('is reached over TLS by address, with a client certificate', async () => {
    const session = await open({ scheme: 'tls', host: '127.0.0.1', port: tlsPort }, files);
    expect(await session.readInfo()).toMatchObject({ pid: haproxy.pid });
  });

  test('is reached over TLS by name', async () => {
    const session = await open({ scheme: 'tls', host: 'localhost', port: tlsPort }, files);
    expect(await session.readInfo()).toMatchObject({ pid: haproxy.pid });
  });

  test('wants our client certificate: the message names its setting', async () => {
    await expect(
      open({ scheme: 'tls', host: '127.0.0.1', port: tlsPort }, { ca: files.ca }),
    ).rejects.toMatchObject({
      code: 'RUNTIME_API_UNREACHABLE',
      why: expect.stringMatching(/client certificate.*tls\.cert/),
    });
  });

  test('has a certificate of a CA that we do not know: the message names its setting', async () => {
    await expect(
      open({ scheme: 'tls', host: '127.0.0.1', port: tlsPort }, { cert: files.cert, key: files.key }),
    ).rejects.toMatchObject({
      why: expect.stringMatching(/not signed by a CA of tls\.ca/),
    });
  });

  test('has a certificate for another address', async () => {
    const other = await started({ binary, tls: { serverPem: files.otherServerPem, ca: files.ca } });
    const address: InstanceAddress = { scheme: 'tls', host: '127.0.0.1', port: other.tlsRuntime?.port ?? 0 };
    await expect(open(address, files)).rejects.toMatchObject({
      why: expect.stringMatching(/another name or address/),
    });
  });

  test('answers in plain text on a port that is configured as tls://', async () => {
    await expect(open({ scheme: 'tls', ...haproxy.runtime }, files)).rejects.toMatchObject({
      code: 'RUNTIME_API_UNREACHABLE',
      why: expect.stringContaining('answers in plain text'),
    });
  });

  test.skipIf(version === '2.2')('ignores `ssl` on a stats socket line, which we notice', async () => {
    const insecure = await started({
      binary,
      configuration: `global
  stats socket "\${HITLESS_SOCKET}" level admin
  stats socket "ipv4@\${HITLESS_RUNTIME}" level admin ssl crt ${files.serverPem} verify required ca-file ${files.ca}
`,
    });
    await expect(open({ scheme: 'tls', ...insecure.runtime }, files)).rejects.toMatchObject({
      why: expect.stringContaining('answers in plain text'),
    });
  });

  test('speaks TLS on a port that is configured as tcp://', async () => {
    await expect(open({ scheme: 'tcp', host: '127.0.0.1', port: tlsPort })).rejects.toMatchObject({
      why: expect.stringContaining('tls://'),
    });
  });

  test('serves HTTP on that port', async () => {
    await expect(open({ scheme: 'tcp', ...haproxy.frontend })).rejects.toMatchObject({
      why: expect.stringContaining('HTTP server'),
    });
  });

  test('has its master CLI there', async () => {
    const path = join(dirname(haproxy.socket), 'master.sock');
    await expect(open({ scheme: 'unix', path })).rejects.toMatchObject({
      why: expect.stringContaining('master CLI'),
    });
  });

  test('with its stats maxconn used up accepts and never answers, until a connection is free', async () => {
    const busy = await started({ binary, statsMaxconn: 1 });
    const address: InstanceAddress = { scheme: 'unix', path: busy.socket };
    const first = await open(address);
    await expect(open(address, {}, 500)).rejects.toMatchObject({
      code: 'RUNTIME_API_UNREACHABLE',
      why: expect.stringContaining('stats maxconn'),
    });
    await first.close();
    expect(await (await open(address)).readInfo()).toMatchObject({ pid: busy.pid });
  });

  test('keeps no connection of a closed session: thirty sessions through a stats maxconn of 2', async () => {
    const narrow = await started({ binary, statsMaxconn: 2 });
    for (let count = 0; count < 30; count += 1) {
      const session = await open({ scheme: 'tcp', ...narrow.runtime });
      await session.readInfo();
      await session.close();
    }
  });

  test('that is not running is named by its address', async () => {
    const gone = await started({ binary });
    await gone.kill();
    // The worker of a killed master needs a moment to die.
    const refused = (address: InstanceAddress) =>
      vi.waitFor(
        () =>
          expect(open(address)).rejects.toMatchObject({
            address: addressText(address),
            why: expect.stringContaining('HAProxy is not running'),
          }),
        { timeout: 20_000 },
      );
    await refused({ scheme: 'tcp', ...gone.runtime });
    await refused({ scheme: 'unix', path: gone.socket });
  });
});
