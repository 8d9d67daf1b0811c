/**
 * Ports for servers that must be told theirs before they start.
 *
 * Two dangers, both seen by everybody who starts servers in tests: a port that was free when asked is taken a
 * moment later, and HAProxy binds with SO_REUSEPORT, so that two of them share a port without a word. So a port is
 *
 * - taken from below the range that the system gives to outgoing connections (a server restarted on its port
 *   would otherwise now and then find a client's connection there), and
 * - reserved for this process among all of ours, by a listening socket in Linux's abstract namespace, which the
 *   system releases when the process ends, however it ends. Elsewhere than on Linux nothing is reserved.
 */

import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';

const lowest = 10_000;
const attempts = 200;

/** Held for as long as the process lives, so that a server may be restarted on its port. */
const reserved = new Map<number, Server | null>();

/**
 * A port on which nothing listens on any loopback address, reserved for this process until it ends.
 *
 * @throws Error when none was found in 200 attempts.
 */
export async function freePort(): Promise<number> {
  const highest = firstOutgoingPort() - 1;
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest + 1));
    if (await reserve(port)) return port;
  }
  throw new Error(`no free port found between ${lowest} and ${highest}`);
}

/** `count` different ports, each as `freePort` gives it. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

function firstOutgoingPort(): number {
  try {
    const first = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/)[0]);
    return first > lowest + 1_000 ? first : 32_768;
  } catch {
    return 32_768;
  }
}

async function reserve(port: number): Promise<boolean> {
  if (reserved.has(port)) return false;
  reserved.set(port, null);
  const reservation =
    process.platform === 'linux' ? await listen({ path: `\0hitless-port-${port}` }) : undefined;
  if (reservation === null || !(await isFree(port))) {
    reservation?.close();
    reserved.delete(port);
    return false;
  }
  reserved.set(port, reservation ?? null);
  return true;
}

/** 0.0.0.0 conflicts with a listener on any address, and nothing is served while we look. */
async function isFree(port: number): Promise<boolean> {
  const server = await listen({ host: '0.0.0.0', port });
  if (server === null) return false;
  await new Promise((resolve) => server.close(resolve));
  return true;
}

/** Null when the address is in use. */
function listen(where: { path: string } | { host: string; port: number }): Promise<Server | null> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(null));
    server.listen({ ...where, exclusive: true }, () => {
      server.unref();
      resolve(server);
    });
  });
}
