/** Against servers of this process only; see connect.real.test.ts for HAProxy and TLS. */

import { linkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../../infra/local/temporary-folder.ts';
import type { InstanceAddress } from '../../lib/model/fleet.ts';
import { addressText } from '../../lib/runtime-api/address-text.ts';
import { openSession } from '../../lib/runtime-api/connect.ts';

const NEVER = new AbortController().signal;
const open = (address: InstanceAddress, signal = NEVER) => openSession(address, { tls: {}, signal });

function folder(): string {
  const made = temporaryFolder('connect');
  onTestFinished(() => made.remove());
  return made.path;
}

/** Listens on a free port of 127.0.0.1, or at a path. */
async function listening(onConnection: (socket: Socket) => void, path?: string): Promise<Server> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => {
    if (path === undefined) server.listen(0, '127.0.0.1', resolve);
    else server.listen(path, resolve);
  });
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return server;
}

const isTcp = (address: AddressInfo | string | null): address is AddressInfo =>
  address !== null && typeof address === 'object';

function portOf(server: Server): number {
  const address = server.address();
  if (!isTcp(address)) throw new Error('not a TCP server');
  return address.port;
}

const prompting = (socket: Socket) => {
  socket.on('data', (chunk) => {
    const words = chunk.toString();
    if (words === 'prompt\n') socket.write('\n> ');
    if (words === 'quit\n') socket.end();
  });
};

describe('an address is written as in hitless.yml', () => {
  test.each<[InstanceAddress, string]>([
    [{ scheme: 'unix', path: '/run/haproxy.sock' }, 'unix:///run/haproxy.sock'],
    [{ scheme: 'tcp', host: '10.0.0.1', port: 9999 }, 'tcp://10.0.0.1:9999'],
    [{ scheme: 'tls', host: '2001:db8::1', port: 9443 }, 'tls://[2001:db8::1]:9443'],
  ])('%j', (address, text) => {
    expect(addressText(address)).toBe(text);
  });
});

test('a unix socket that answers', async () => {
  const path = join(folder(), 'admin.sock');
  await listening(prompting, path);
  const session = await open({ scheme: 'unix', path });
  await session.close();
});

test('a TCP port that answers', async () => {
  const port = portOf(await listening(prompting));
  const session = await open({ scheme: 'tcp', host: '127.0.0.1', port });
  await session.close();
});

test('a unix socket that is not there: the message says what to look at', async () => {
  const path = join(folder(), 'admin.sock');
  await expect(open({ scheme: 'unix', path })).rejects.toMatchObject({
    code: 'RUNTIME_API_UNREACHABLE',
    address: `unix://${path}`,
    why: expect.stringMatching(/no socket at this path.*ENOENT/),
  });
});

test('a file that is no socket', async () => {
  const path = join(folder(), 'file');
  writeFileSync(path, '');
  await expect(open({ scheme: 'unix', path })).rejects.toMatchObject({
    why: expect.stringContaining('refused'),
  });
});

test('a socket whose HAProxy is gone', async () => {
  const path = join(folder(), 'admin.sock');
  const server = createServer().listen(path);
  await new Promise((resolve) => server.once('listening', resolve));
  const kept = `${path}.kept`;
  // Node.js deletes the path when it closes, HAProxy does not.
  linkSync(path, kept);
  await new Promise((resolve) => server.close(resolve));
  await expect(open({ scheme: 'unix', path: kept })).rejects.toMatchObject({
    why: expect.stringMatching(/HAProxy is not running.*ECONNREFUSED/),
  });
});

test('a path that no unix socket can have', async () => {
  const path = `/tmp/${'x'.repeat(120)}`;
  await expect(open({ scheme: 'unix', path })).rejects.toMatchObject({ why: expect.stringContaining('107') });
});

test('a port on which nothing listens', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  await expect(open({ scheme: 'tcp', host: '127.0.0.1', port })).rejects.toMatchObject({
    code: 'RUNTIME_API_UNREACHABLE',
    why: expect.stringMatching(/refused.*ECONNREFUSED/),
  });
});

test('a port that accepts and never answers is given up with the signal', async () => {
  const port = portOf(await listening(() => {}));
  const address: InstanceAddress = { scheme: 'tcp', host: '127.0.0.1', port };
  await expect(open(address, AbortSignal.timeout(200))).rejects.toMatchObject({
    code: 'RUNTIME_API_UNREACHABLE',
    why: 'it accepted the connection but never answered: not a Runtime API, or its stats maxconn is used up',
  });
});

test('a TLS handshake that nobody answers is given up with the signal', async () => {
  const port = portOf(await listening(() => {}));
  const address: InstanceAddress = { scheme: 'tls', host: '127.0.0.1', port };
  await expect(open(address, AbortSignal.timeout(200))).rejects.toMatchObject({
    why: expect.stringContaining('did not answer the TLS handshake'),
  });
});

test('a TLS handshake that ends at once', async () => {
  const port = portOf(await listening((socket) => socket.end()));
  await expect(open({ scheme: 'tls', host: '127.0.0.1', port })).rejects.toMatchObject({
    code: 'RUNTIME_API_UNREACHABLE',
  });
});

test('plain text where TLS was expected: refused, and no command was sent', async () => {
  const heard: Buffer[] = [];
  const server = await listening((socket) => {
    socket.on('data', (chunk: Buffer) => {
      heard.push(chunk);
      socket.write('Unknown command.\n\n');
    });
  });
  await expect(open({ scheme: 'tls', host: '127.0.0.1', port: portOf(server) })).rejects.toMatchObject({
    code: 'RUNTIME_API_UNREACHABLE',
    why: expect.stringContaining('answers in plain text'),
  });
  expect(Buffer.concat(heard).toString('latin1')).not.toContain('prompt');
});

test('an address is not tried when there is no time left', async () => {
  let connections = 0;
  const port = portOf(await listening(() => (connections += 1)));
  const address: InstanceAddress = { scheme: 'tcp', host: '127.0.0.1', port };
  await expect(open(address, AbortSignal.abort())).rejects.toMatchObject({ code: 'RUNTIME_API_UNREACHABLE' });
  expect(connections).toBe(0);
});

test('a TLS file that cannot be read is named', async () => {
  const ca = join(folder(), 'ca.pem');
  const address: InstanceAddress = { scheme: 'tls', host: '127.0.0.1', port: 1 };
  await expect(openSession(address, { tls: { ca }, signal: NEVER })).rejects.toMatchObject({
    code: 'RUNTIME_API_UNREACHABLE',
    why: expect.stringMatching(/^cannot read tls\.ca: ENOENT.*ca\.pem/),
  });
});

test('TLS files that are none are named', async () => {
  const cert = join(folder(), 'client.pem');
  writeFileSync(cert, 'not a certificate');
  const address: InstanceAddress = { scheme: 'tls', host: '127.0.0.1', port: 1 };
  await expect(openSession(address, { tls: { cert, key: cert }, signal: NEVER })).rejects.toMatchObject({
    why: expect.stringContaining('cannot be used together'),
  });
});

test.each(['ca', 'cert', 'key'])('a tls.%s that is a device is refused at once', async (file) => {
  const address = { scheme: 'tls', host: '127.0.0.1', port: 1 } as const;
  await expect(openSession(address, { tls: { [file]: '/dev/zero' }, signal: NEVER })).rejects.toMatchObject({
    why: `cannot read tls.${file}: /dev/zero is a device, not a file`,
  });
});
