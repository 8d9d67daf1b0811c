/** A host on which `hitless-pull` runs: its own folders, a reload command that counts, and a store to publish to. */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { haproxyPath } from '../../../infra/local/servers.ts';
import { temporaryFolder } from '../../../infra/local/temporary-folder.ts';

export const program = fileURLToPath(new URL('../../../infra/host/hitless-pull', import.meta.url));

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Published {
  readonly current: string;
  readonly text: string;
}

export interface PullingHost {
  readonly folder: string;
  readonly configFile: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Runs the program once; `differs` adds to or replaces its environment. */
  pull(differs?: Readonly<Record<string, string>>): Promise<Run>;
  /** How often HAProxy was reloaded. */
  reloads(): Promise<number>;
  /** The content of a file, or null. */
  read(path: string): Promise<string | null>;
  remove(): void;
}

/** The store is the folder `store` below the host's own unless the environment says otherwise. */
export async function pullingHost(environment: Readonly<Record<string, string>> = {}): Promise<PullingHost> {
  const folder = temporaryFolder('pull');
  const configFile = join(folder.path, 'etc', 'haproxy.cfg');
  mkdirSync(dirname(configFile));
  const counter = join(folder.path, 'reloads');
  const all = {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    HITLESS_STORE: `file:${folder.path}/store`,
    HITLESS_FLEET: 'edge',
    HITLESS_CONFIG_FILE: configFile,
    HITLESS_STATE_DIR: join(folder.path, 'state'),
    HITLESS_HAPROXY: await haproxyPath(),
    HITLESS_RELOAD: `echo reloaded >> ${counter}`,
    ...environment,
  };
  const read = (path: string) => readFile(path, 'utf8').catch(() => null);
  return {
    folder: folder.path,
    configFile,
    environment: all,
    pull: (differs = {}) => run(['/bin/sh', program], { ...all, ...differs }),
    reloads: async () => ((await read(counter)) ?? '').split('\n').length - 1,
    read,
    remove: () => folder.remove(),
  };
}

export function run(
  [command = '', ...args]: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Run> {
  return new Promise((resolve) => {
    execFile(command, args, { env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

/** A configuration that HAProxy accepts; `address` is all that differs where the structure does not. */
export function configuration(address = '10.0.0.1', slots = 2): string {
  const lines = Array.from({ length: slots }, (_, index) => `    server s${index + 1} ${address}:80 check\n`);
  return `defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend fe
    bind 127.0.0.1:1
    default_backend be
backend be
${lines.join('')}`;
}

/** What Hitless writes to the store. */
export function published(generation: number, text: string, structure = 'a'): Published {
  const current = {
    version: 1,
    generation,
    sha256: createHash('sha256').update(text).digest('hex'),
    structure: createHash('sha256').update(structure).digest('hex'),
  };
  return { current: JSON.stringify(current, null, 2), text };
}

/** Writes to the store of a host that has it in a folder. */
export async function publish(
  host: PullingHost,
  { current, text }: Published,
  fleet = 'edge',
): Promise<void> {
  const folder = join(host.folder, 'store', 'fleets', fleet);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'haproxy.cfg'), text);
  await writeFile(join(folder, 'current.json'), current);
}
