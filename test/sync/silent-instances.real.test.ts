/** Load balancers that do not answer, beside one that does: how long everybody waits for them. */

import { createConnection, createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type LocalHaproxy, startHaproxy } from '../../infra/local/haproxy.ts';
import type { Instance } from '../../lib/model/fleet.ts';
import { articleBackend, entries, shownBy, startBenchFleet } from './bench-fleet.ts';

/** Longer than a test may take: who waits for it is seen. */
const FOREVER_MS = 3_600_000;

const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

function keep<T extends { stop(): Promise<void> }>(one: T): T {
  running.push(one);
  return one;
}

/** Accepts connections and never answers, until it is connected to a load balancer. */
async function startSilent() {
  const sockets = new Set<Socket>();
  let behind: LocalHaproxy | null = null;
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    if (behind === null) return void socket.resume();
    const there = createConnection(behind.runtime).on('error', () => {});
    sockets.add(there);
    socket.pipe(there).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  keep({
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  const instance: Instance = {
    name: 'silent',
    address: { scheme: 'tcp', host: '127.0.0.1', port: address.port },
  };
  return {
    instance,
    wakeUpAs(haproxy: LocalHaproxy) {
      behind = haproxy;
    },
  };
}

test('who did not answer last time holds up nobody for the whole of `timeout`, and gets its servers when it answers', async () => {
  const silent = await startSilent();
  const bench = keep(
    await startBenchFleet({
      haproxies: [{ backend: articleBackend(5) }],
      others: [silent.instance],
      policy: { slots: 5 },
      fleet: { timeoutMs: 500 },
    }),
  );
  const convergedIn = async (receivedAtMs: number | null) => {
    const { applied } = await bench.pass({ receivedAtMs });
    return applied.map(({ report }) => [report.instance, report.converged]);
  };
  bench.consul = entries(1, 1);
  expect(await convergedIn(null)).toEqual([
    ['lb1', true],
    ['silent', false],
  ]);

  Object.assign(bench.fleet, { timeoutMs: FOREVER_MS });
  for (const [count, receivedAtMs] of [
    [2, Date.now()],
    [3, null],
  ] as const) {
    bench.consul = entries(1, count);
    expect(await convergedIn(receivedAtMs)).toEqual([
      ['lb1', true],
      ['silent', false],
    ]);
  }

  const woken = keep(await startHaproxy({ backend: articleBackend(5) }));
  silent.wakeUpAs(woken);
  expect(await convergedIn(Date.now())).toEqual([
    ['lb1', true],
    ['silent', true],
  ]);
  const [first] = bench.haproxies;
  expect(await shownBy(woken)).toEqual(first === undefined ? [] : await shownBy(first));
});
