/** A folder with a hitless.yml and a `file:` store, for tests of the command line; with real HAProxies on demand. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type HaproxyOptions, type LocalHaproxy, startHaproxy } from '../../infra/local/haproxy.ts';
import { temporaryFolder } from '../../infra/local/temporary-folder.ts';
import { type FakeConsul, startFakeConsul } from './fake-consul.ts';
import { type Run, type RunOptions, runHitless } from './run-hitless.ts';

/** The article's template, without what needs root. */
export const TEMPLATE = `global
  stats socket "\${HITLESS_SOCKET}" mode 600 level admin
  stats socket "ipv4@\${HITLESS_RUNTIME}" level admin
defaults
  mode http
  timeout connect 10s
  timeout client 300s
  timeout server 300s
frontend fe_main
  bind "\${HITLESS_FRONTEND}"
  default_backend be_template
backend be_template
  balance roundrobin
  cookie SRV insert
  {{ backends_be_template }}
`;

export interface BenchOptions {
  /** Instance addresses by name. */
  readonly instances: Readonly<Record<string, string>>;
  readonly consul: string;
  /** Lines of the backend, like `keep: 0%`. */
  readonly backend?: readonly string[];
  /** Lines of the fleet, like `timeout: 1s`. */
  readonly fleet?: readonly string[];
}

export interface Bench {
  readonly folder: string;
  /** Runs `hitless` in the folder. */
  hitless(command: string, options?: RunOptions): Promise<Run>;
  /** The object as text; throws when there is none. */
  stored(key: string): string;
  configure(options: BenchOptions): void;
}

/** Gone when the test ends. */
export function createBench(options: BenchOptions): Bench {
  const folder = temporaryFolder('cli');
  onTestFinished(() => folder.remove());
  const configure = (next: BenchOptions) =>
    writeFileSync(join(folder.path, 'hitless.yml'), configurationText(next));
  writeFileSync(join(folder.path, 'edge.cfg.j2'), TEMPLATE);
  configure(options);
  return {
    folder: folder.path,
    hitless: (command, differs = {}) => runHitless(command.split(' '), { folder: folder.path, ...differs }),
    stored: (key) => readFileSync(join(folder.path, 'store', key), 'utf8'),
    configure,
  };
}

function configurationText({ instances, consul, backend = [], fleet = [] }: BenchOptions): string {
  return [
    `consul: { address: "${consul}" }`,
    'store: file:store',
    'fleets:',
    '  edge:',
    ...fleet.map((line) => `    ${line}`),
    '    instances:',
    ...Object.entries(instances).map(([name, address]) => `      ${name}: ${address}`),
    '    backends:',
    '      be_template:',
    '        service: my-cluster',
    '        server: websrv',
    '        slots: 100',
    '        options: cookie {{ server }} check',
    ...backend.map((line) => `        ${line}`),
    '',
  ].join('\n');
}

/** As in the article: a hundred slots, declared in advance. */
export const ARTICLE_BACKEND = `backend be_template
  balance roundrobin
  cookie SRV insert
  server-template websrv 1-100 127.0.0.1:8080 check disabled
`;

/** Ends with the test. */
export async function haproxy(options: HaproxyOptions = {}): Promise<LocalHaproxy> {
  const started = await startHaproxy({ backend: ARTICLE_BACKEND, ...options });
  onTestFinished(() => started.stop());
  return started;
}

/** Ends with the test. */
export async function fakeConsul(): Promise<FakeConsul> {
  const consul = await startFakeConsul();
  onTestFinished(() => consul.stop());
  return consul;
}

export function tcp({ runtime }: LocalHaproxy): string {
  return `tcp://${runtime.host}:${runtime.port}`;
}

export function unix({ socket }: LocalHaproxy): string {
  return `unix://${socket}`;
}

/** `websrv1 127.0.1.1:8080 ready`, for every server of be_template that is not in maint, in slot order. */
export async function serving(from: LocalHaproxy): Promise<string[]> {
  const lines = (await from.ask('show servers state be_template')).split('\n').slice(2);
  return lines.flatMap((line) => {
    const [, , , name, address, , admin, , , , , , , , , , , , port] = line.split(' ');
    const mask = Number(admin);
    if (name === undefined || (mask & 1) !== 0) return [];
    return [`${name} ${address}:${port} ${(mask & 8) === 0 ? 'ready' : 'drain'}`];
  });
}
