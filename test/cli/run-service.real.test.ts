/** `hitless run` as a service: what systemd is told, and `/metrics`. */

import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { until } from '../../infra/local/until.ts';
import { METRICS } from '../../lib/cli/output/prometheus-text.ts';
import { RUN_METRICS } from '../../lib/cli/run/metrics.ts';
import { createBench, fakeConsul, haproxy, unix } from './bench.ts';
import { endpoints } from './fake-consul.ts';
import { runningHitless } from './running-hitless.ts';

async function bench() {
  const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
  consul.register(endpoints(1, 2));
  return { ...createBench({ consul: consul.url, instances: { lb: unix(lb) } }), consul };
}

/** Node.js has no datagrams of Unix sockets. */
const LISTENER = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    data, files, flags, address = socket.recv_fds(s, 4096, 4)
    for one in files: os.close(one)
    if data != b'BARRIER=1': print(data.decode().replace('\\n', ' | '), flush=True)
`;

/** Stands for systemd: what it was sent, a message a line. */
async function manager(folder: string) {
  const socket = join(folder, 'notify.sock');
  const child = spawn('python3', ['-c', LISTENER, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await until(() => existsSync(socket), { what: 'a socket for notices' });
  return { socket, said: () => said };
}

test.skipIf(!existsSync('/usr/bin/systemd-notify'))(
  'systemd is told that it is ready, how it is, that it lives, that it reads anew, and that it ends',
  async () => {
    const { folder } = await bench();
    const { socket, said } = await manager(folder);
    const environment = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '600000', JOURNAL_STREAM: '1:2' };
    const running = runningHitless({ folder, environment });
    const told = (text: RegExp) => until(() => text.test(said()), { what: `${text}` });
    await told(/^READY=1 \| STATUS=edge: generation 1, 1 of 1 instance converged\s*$/m);
    await told(/^WATCHDOG=1\s*$/m);
    const good = readFileSync(join(folder, 'hitless.yml'), 'utf8');
    writeFileSync(join(folder, 'hitless.yml'), 'no');
    running.signal('SIGHUP');
    await told(/^RELOADING=1\s*\n(WATCHDOG=1\s*\n)*READY=1\s*$/m);
    writeFileSync(join(folder, 'hitless.yml'), good);
    const before = said().length;
    running.signal('SIGHUP');
    await until(() => /^READY=1 \| STATUS=edge: generation 1/m.test(said().slice(before)), {
      what: 'ready again',
    });
    running.signal('SIGTERM');
    expect(await running.ended).toBe(0);
    expect(said()).toMatch(/^STOPPING=1\s*$/m);
    // The journal has the times.
    expect(running.output()).toMatch(/^edge: generation 1 \(new\), add /);
  },
);

test('/metrics has what status tells and how the passes went, on 127.0.0.1 and under its name alone', async () => {
  const { folder } = await bench();
  const running = runningHitless({ folder, args: ['--metrics', '0'] });
  await running.says(/metrics are at http:\/\/127\.0\.0\.1:\d+\/metrics/);
  await running.says(/generation 1/);
  const [url = ''] = /http:\S+/.exec(running.output()) ?? [];
  const text = await until(
    async () => {
      const told = await (await fetch(url)).text();
      return told.includes('hitless_passes_total{fleet="edge",result="done"} 1') && told;
    },
    { what: 'a pass that was counted' },
  );
  for (const line of [
    'hitless_instance_converged{fleet="edge",instance="lb"} 1',
    'hitless_slots{fleet="edge",backend="be_template",state="serving"} 2',
    'hitless_passes_total{fleet="edge",result="failed"} 0',
    'hitless_consul_up{service="my-cluster"} 1',
    'hitless_config_reload_success 1',
  ]) {
    expect(text.split('\n')).toContain(line);
  }
  const named = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name);
  expect(named.sort()).toEqual([...Object.keys(METRICS), ...Object.keys(RUN_METRICS)].sort());
  const status = await new Promise((resolve, reject) => {
    request(url, { headers: { host: 'evil.example.org' } }, ({ statusCode }) => resolve(statusCode))
      .on('error', reject)
      .end();
  });
  expect(status).toBe(403);
  writeFileSync(join(folder, 'hitless.yml'), 'no');
  running.signal('SIGHUP');
  await running.says(/is refused/);
  expect(await (await fetch(url)).text()).toContain('hitless_config_reload_success 0');
  running.signal('SIGTERM');
  expect(await running.ended).toBe(0);
});

test('a port for metrics that is none, or is taken, is one message and exit code 1', async () => {
  const { hitless, consul } = await bench();
  expect(await hitless('run --metrics lots')).toMatchObject({ code: 1, stdout: '' });
  const { code, stderr } = await hitless(`run --metrics ${new URL(consul.url).port}`);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^hitless: listen EADDRINUSE[^\n]*\n$/)]);
});
