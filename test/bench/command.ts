/**
 * (g) The command that people install, as cron starts it: a process from its beginning to its end, compared within one
 * run with Node.js that does nothing and with the article's Python script that has nothing to do.
 */

import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildCommand } from '../../infra/command/build.ts';
import { type LocalConsul, startConsul } from '../../infra/local/consul.ts';
import { startEmulator } from '../../infra/local/emulator.ts';
import { type LocalHaproxy, startHaproxy } from '../../infra/local/haproxy.ts';
import { temporaryFolder } from '../../infra/local/temporary-folder.ts';
import { type Benchmark, type Row, verify } from './benchmark.ts';
import { median, timed } from './statistics.ts';

const ENDPOINTS = 10;
const BACKEND = `backend be_template
  balance roundrobin
  cookie SRV insert
  server-template websrv 1-100 127.0.0.1:8080 check disabled
`;
const TEMPLATE = `global
  stats socket /run/haproxy.sock mode 600 level admin
defaults
  mode http
backend be_template
  balance roundrobin
  cookie SRV insert
{{ backends_be_template }}
`;
const SCRIPT = join(import.meta.dirname, 'command/update_haproxy_from_consul.py');

/** What is started, and with what besides a path and a home. */
interface Started {
  readonly words: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

export const command: Benchmark = {
  name: 'command',
  title: 'the installed command: start, and a sync with nothing to do',

  async run({ runs, size, tell }) {
    const rounds = runs ?? (size === 'small' ? 3 : 25);
    const folder = temporaryFolder('command');
    const [consul, lb, emulator] = await Promise.all([
      startConsul({ services: Array.from({ length: ENDPOINTS }, (_, index) => serviceOf(index + 1)) }),
      startHaproxy({ backend: BACKEND }),
      startEmulator(),
    ]);
    try {
      await emulator.createBucket('command');
      const file = join(folder.path, 'hitless.cjs');
      await buildCommand(file);
      const places = { folder: folder.path, consul, lb };
      const store = { 'file:': fileStore(places), 's3://': s3Store(places) };
      const node = (...words: string[]): Started => ({ words: [process.execPath, ...words] });
      const sync = (config: string): Started => ({
        words: [process.execPath, file, 'sync', '--config', config],
        environment: emulator.environment,
      });
      const python = await pythonScript(places);
      const started: Readonly<Record<string, Started>> = {
        nothing: node('-e', '0'),
        version: node(file, '--version'),
        python,
        file: sync(store['file:']),
        s3: sync(store['s3://']),
        plain: sync(plainStore(places)),
        uncached: uncached(sync(store['file:'])),
      };
      const times = await measure(started, folder.path, rounds, tell);
      const ms = (name: string) => median(times.get(name) ?? []);
      await verifySynced(lb);
      const memory = async (name: string) => peakMb(started[name] ?? node(), folder.path);
      const note = (name: string) => `${ms(name).toFixed(0)} ms`;
      const rows: Row[] = [
        { what: 'node -e 0', value: ms('nothing'), unit: 'ms' },
        { what: 'the Python script, nothing to do', value: ms('python'), unit: 'ms' },
        {
          what: '--version, of node -e 0',
          value: ms('version') / ms('nothing'),
          unit: '×',
          bar: { atMost: 3 },
          note: note('version'),
        },
        {
          what: 'sync, store file:, of the script',
          value: ms('file') / ms('python'),
          unit: '×',
          bar: { atMost: 1 },
          note: note('file'),
        },
        {
          what: 'the same without a template',
          value: ms('plain') / ms('python'),
          unit: '×',
          bar: { atMost: 1 },
          note: note('plain'),
        },
        {
          what: 'the same, nothing kept of the compiled code',
          value: ms('uncached') / ms('python'),
          unit: '×',
          note: note('uncached'),
        },
        {
          what: 'sync, store s3://, of the script',
          value: ms('s3') / ms('python'),
          unit: '×',
          bar: { atMost: 1.5 },
          note: note('s3'),
        },
        { what: 'memory: node -e 0', value: await memory('nothing'), unit: 'MB' },
        { what: 'memory: sync, store file:', value: await memory('file'), unit: 'MB', bar: { atMost: 90 } },
        { what: 'memory: sync, store s3://', value: await memory('s3'), unit: 'MB', bar: { atMost: 90 } },
      ];
      const kB = readFileSync(file).length / 1_000;
      return { sizes: { rounds, endpoints: ENDPOINTS, slots: 100, kB, Node: process.versions.node }, rows };
    } finally {
      await Promise.all([consul.stop(), lb.stop(), emulator.stop()]);
      folder.remove();
    }
  },
};

/** One after the other in each round, so that what else the machine does harms all alike. */
async function measure(
  started: Readonly<Record<string, Started>>,
  home: string,
  rounds: number,
  tell: (text: string) => void,
): Promise<ReadonlyMap<string, number[]>> {
  const times = new Map<string, number[]>();
  for (let round = -2; round < rounds; round += 1) {
    if (round % 5 === 0) tell(`round ${round} of ${rounds}`);
    for (const [name, one] of Object.entries(started)) {
      const ms = await timed(() => run(one, home));
      // The first syncs have something to do, and the compiled code is not there yet.
      if (round >= 0) times.set(name, [...(times.get(name) ?? []), ms]);
    }
  }
  return times;
}

async function run({ words: [program = '', ...args], environment = {} }: Started, home: string) {
  // Nothing of a person's own environment: so does cron.
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: home, ...environment };
  return promisify(execFile)(program, args, { cwd: home, env });
}

async function verifySynced(lb: LocalHaproxy): Promise<void> {
  const stat = await lb.ask('show stat');
  const up = stat.split('\n').filter((line) => /^be_template,websrv\d+,/.test(line) && !/,MAINT,/.test(line));
  verify(up.length === ENDPOINTS, `${ENDPOINTS} servers are in rotation, not ${up.length}`);
}

/** Not `maxRSS`: a process inherits that of the one that starts it. */
const PEAK = `process.on('exit', () => {
  process._rawDebug(require('node:fs').readFileSync('/proc/self/status', 'latin1'));
});`;

async function peakMb({ words: [program = '', ...args], ...rest }: Started, home: string): Promise<number> {
  const hook = join(home, 'peak.cjs');
  writeFileSync(hook, PEAK);
  const { stderr } = await run({ words: [program, '--require', hook, ...args], ...rest }, home);
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(stderr)?.[1]) / 1_000;
}

function uncached({ words, environment = {} }: Started): Started {
  return { words, environment: { ...environment, NODE_DISABLE_COMPILE_CACHE: '1' } };
}

function serviceOf(number: number) {
  return { id: `web${number}`, name: 'my-cluster', address: `127.0.1.${number}`, port: 8080 };
}

interface Places {
  readonly folder: string;
  readonly consul: LocalConsul;
  readonly lb: LocalHaproxy;
}

const fileStore = (places: Places) => configuration(places, 'file', 'file:store', 'template: edge.cfg.j2');
const plainStore = (places: Places) => configuration(places, 'plain', 'file:store', 'shard: 50');
const s3Store = (places: Places) =>
  configuration(places, 's3', 's3://command/bench', 'template: edge.cfg.j2');

function configuration({ folder, consul, lb }: Places, name: string, store: string, line: string): string {
  const own = join(folder, name);
  mkdirSync(own);
  writeFileSync(join(own, 'edge.cfg.j2'), TEMPLATE);
  const path = join(own, 'hitless.yml');
  const text = [
    `consul: { address: "${consul.url}" }`,
    `store: ${store}`,
    'fleets:',
    '  edge:',
    `    ${line}`,
    `    instances: { lb: "unix://${lb.socket}" }`,
    '    backends:',
    '      be_template: { service: my-cluster, server: websrv, slots: 100, options: "cookie {{ server }} check" }',
    '',
  ];
  writeFileSync(path, text.join('\n'));
  return path;
}

/** The interpreter itself: what stands on PATH may be a program that looks for it first. */
async function pythonScript({ folder, consul, lb }: Places): Promise<Started> {
  const question = 'import sys, requests, jinja2; print(sys.executable)';
  const asked = await promisify(execFile)('python3', ['-c', question]).catch((error: unknown) => {
    throw new Error('this needs python3 with the packages requests and jinja2', { cause: error });
  });
  const template = join(folder, 'haproxy.tmpl');
  writeFileSync(template, TEMPLATE);
  const config = join(folder, 'haproxy.cfg');
  const settings = { consul: consul.url, socket: lb.socket, template, config };
  return {
    words: [asked.stdout.trim(), SCRIPT],
    environment: { SETTINGS: JSON.stringify(settings) },
  };
}
