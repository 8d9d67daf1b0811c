/**
 * (h) `hitless run`, the command that stays: from the call of Consul until HAProxy has the server in rotation, beside a
 * process that does nothing but the least; and its memory over a day of changes.
 */

import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { buildCommand } from '../../infra/command/build.ts';
import { type LocalConsul, startConsul } from '../../infra/local/consul.ts';
import { startHaproxy } from '../../infra/local/haproxy.ts';
import { temporaryFolder } from '../../infra/local/temporary-folder.ts';
import { until } from '../../infra/local/until.ts';
import { type Benchmark, type Row, verify } from './benchmark.ts';
import { type Rotation, watchRotation } from './propagation/rotation.ts';
import { nowMs } from './propagation/trail.ts';
import { median } from './statistics.ts';

const BACKEND = 'be_template';
const TWO_COMMANDS = fileURLToPath(new URL('./run/two-commands.ts', import.meta.url));
const WITHIN_MS = 20_000;
const WARM_UP = 5;
/** Between two changes, so that nothing of the one before is under way. */
const SETTLED_MS = 150;

export const run: Benchmark = {
  name: 'run',
  title: 'the command that stays, beside a process of two commands; and its memory over a day of changes',

  async run({ runs, size, tell }) {
    const rounds = runs ?? (size === 'small' ? 5 : 60);
    const changes = size === 'small' ? 60 : 1_440;
    const counts = size === 'small' ? [5, 50] : [5, 200];
    const rows: Row[] = [];
    for (const count of counts) {
      tell(`${count} endpoints, ${rounds} rounds`);
      const day = count === 5 ? changes : 0;
      rows.push(...(await measured(count, rounds, day, tell)));
    }
    return { sizes: { rounds, endpoints: counts, 'changes of the day': changes, HAProxies: 1 }, rows };
  },
};

interface Contestant {
  readonly service: string;
  readonly rotation: Rotation;
  readonly came: number[];
  readonly went: number[];
}

async function measured(
  count: number,
  rounds: number,
  day: number,
  tell: (text: string) => void,
): Promise<Row[]> {
  const folder = temporaryFolder('run');
  const slots = count + 20;
  const backend = `backend ${BACKEND}\n  balance roundrobin\n  server-template websrv 1-${slots} 127.0.0.1:8080 disabled\n`;
  const services = ['hitless', 'least'].flatMap((name) =>
    Array.from({ length: count }, (_, index) => registration(name, index)),
  );
  const [consul, lb, other] = await Promise.all([
    startConsul({ services }),
    startHaproxy({ backend }),
    startHaproxy({ backend }),
  ]);
  const stops: (() => Promise<void>)[] = [];
  try {
    const file = join(folder.path, 'hitless.cjs');
    await buildCommand(file);
    const config = join(folder.path, 'hitless.yml');
    writeFileSync(
      config,
      [
        `consul: { address: "${consul.url}" }`,
        `store: "file:${folder.path}/store"`,
        `fleets: { edge: { instances: { lb: "unix://${lb.socket}" }, backends: { ${BACKEND}: {`,
        `  service: hitless, server: websrv, slots: ${slots}, options: "", keep: 0%, drain: 0s } } } }`,
        '',
      ].join('\n'),
    );
    const hitless = started([file, 'run', '--config', config]);
    stops.push(hitless.stop);
    const settings = { consul: consul.url, service: 'least', socket: other.socket, backend: BACKEND, slots };
    stops.push(started([TWO_COMMANDS, JSON.stringify(settings)]).stop);
    const contestants: Contestant[] = [
      { service: 'hitless', rotation: await watchRotation(lb.socket, BACKEND), came: [], went: [] },
      { service: 'least', rotation: await watchRotation(other.socket, BACKEND), came: [], went: [] },
    ];
    const [ours, least] = contestants;
    if (ours === undefined || least === undefined) throw new RangeError('two contestants');
    for (const { rotation, service } of contestants) {
      const what = `all of ${service} in rotation`;
      await until(async () => (await rotation.count()) === count, { what });
    }
    // One after the other in each round, so that what else the machine does harms both alike.
    for (let round = -WARM_UP; round < rounds; round += 1) {
      for (const one of contestants) {
        await change(consul, one, count, round, SETTLED_MS);
      }
    }
    for (const { rotation, service } of contestants) {
      verify((await rotation.count()) === count, `those of ${service} serve that served at the beginning`);
    }
    // HAProxy closes a connection on which nobody asks for a minute.
    least.rotation.stop();
    const memory = day === 0 ? [] : await dayOfChanges(consul, ours, hitless.pid, count, day, tell);
    ours.rotation.stop();
    const row = (what: string, key: 'came' | 'went'): Row => ({
      what: `${count} endpoints, ${what}`,
      value: median(ours[key]) / median(least[key]),
      unit: '×',
      ...(key === 'came' ? { bar: { atMost: 2.5 } } : {}),
      note: `${median(ours[key]).toFixed(1)} ms, the least ${median(least[key]).toFixed(1)} ms`,
    });
    return [
      row('registered → in rotation, of two commands', 'came'),
      row('deregistered → out, of one command', 'went'),
      ...memory,
    ];
  } finally {
    for (const stop of stops) await stop();
    await Promise.all([consul.stop(), lb.stop(), other.stop()]);
    folder.remove();
  }
}

async function change(
  consul: LocalConsul,
  one: Contestant,
  count: number,
  round: number,
  pauseMs: number,
): Promise<void> {
  const place = registration(one.service, count + ((round + WARM_UP) % 10));
  await sleep(pauseMs);
  const atMs = nowMs();
  const registering = consul.register(place);
  const inMs = await one.rotation.until(place, 'in', WITHIN_MS);
  await registering;
  await sleep(pauseMs);
  const leftMs = nowMs();
  const deregistering = consul.deregister(place.id);
  const outMs = await one.rotation.until(place, 'out', WITHIN_MS);
  await deregistering;
  if (round < 0) return;
  one.came.push(inMs - atMs);
  one.went.push(outMs - leftMs);
}

/** A change a minute, as fast as they go through. */
async function dayOfChanges(
  consul: LocalConsul,
  ours: Contestant,
  pid: number,
  count: number,
  changes: number,
  tell: (text: string) => void,
): Promise<Row[]> {
  const early = Math.ceil(changes / 4);
  let earlyMb = 0;
  for (let done = 0; done < changes; done += 2) {
    if (done % 200 === 0) tell(`change ${done} of ${changes}, ${residentMb(pid)} MB`);
    if (done >= early && earlyMb === 0) earlyMb = residentMb(pid);
    await change(consul, ours, count, -1, 0);
  }
  const lateMb = residentMb(pid);
  return [
    {
      what: `memory after ${changes} changes, of that after a quarter of them`,
      value: lateMb / earlyMb,
      unit: '×',
      bar: { atMost: 1.15 },
      note: `${earlyMb.toFixed(0)} MB, then ${lateMb.toFixed(0)} MB`,
    },
  ];
}

function residentMb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1_000;
}

function registration(service: string, index: number) {
  const net = service === 'least' ? 2 : 1;
  return { id: `${service}${index}`, name: service, address: `127.0.${net}.${index + 1}`, port: 8080 };
}

function started(words: readonly string[]): { readonly pid: number; stop(): Promise<void> } {
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    pid: child.pid ?? 0,
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
