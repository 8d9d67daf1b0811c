/**
 * Where the real servers are: HAProxy and Consul, of this machine or as `setup.sh` fetched them.
 *
 * What a user has on PATH is preferred. `HITLESS_HAPROXY` (paths separated by `:`) and `HITLESS_CONSUL` (one
 * path) decide instead when they are set.
 */

import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { isExecutable } from './executable.ts';

export interface HaproxyVersion {
  /** Major and minor number: `2.6`. */
  readonly version: string;
  readonly path: string;
}

/** A program is not on this machine. Installing it as the message says helps. */
export class ServerMissing extends Error {
  override readonly name = 'ServerMissing';
  readonly code = 'SERVER_MISSING';
  readonly program: string;

  constructor(program: string, where: string) {
    super(`${program} is not there (looked at ${where}): run \`npm run setup -- --tests\``);
    this.program = program;
  }
}

/** The folder that `setup.sh` fetches programs into: the same rule is written there. */
export function fetchedFolder(): string {
  const cache = process.env.XDG_CACHE_HOME || join(process.env.HOME || tmpdir(), '.cache');
  return join(cache, 'hitless', 'bin');
}

/**
 * Every HAProxy that the real tests run on, oldest first and each version once: this machine's own and the
 * fetched 3.0, which need not be there when the machine's own is 3.0 or newer.
 *
 * @throws ServerMissing when one of them is not there.
 */
export async function haproxyVersions(): Promise<readonly HaproxyVersion[]> {
  const named = process.env.HITLESS_HAPROXY;
  if (named) return Promise.all(named.split(':').map((path) => versionOf(programAt('haproxy', [path]))));
  const own = await versionOf(await haproxyPath());
  if (Number.parseInt(own.version, 10) >= 3) return [own];
  return [own, await versionOf(programAt('haproxy-3.0', [join(fetchedFolder(), 'haproxy-3.0')]))];
}

/**
 * The HAProxy to use where the version does not matter: this machine's own.
 *
 * @throws ServerMissing
 */
export async function haproxyPath(): Promise<string> {
  const named = process.env.HITLESS_HAPROXY?.split(':')[0];
  if (named) return programAt('haproxy', [named]);
  return programAt('haproxy', [...onPath('haproxy'), '/usr/sbin/haproxy', '/usr/local/sbin/haproxy']);
}

/** @throws ServerMissing */
export async function consulPath(): Promise<string> {
  const named = process.env.HITLESS_CONSUL;
  if (named) return programAt('consul', [named]);
  return programAt('consul', [...onPath('consul'), join(fetchedFolder(), 'consul')]);
}

function onPath(program: string): string[] {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, program));
}

function programAt(program: string, candidates: readonly string[]): string {
  const found = candidates.find(isExecutable);
  if (found === undefined) throw new ServerMissing(program, candidates.join(', '));
  return found;
}

/** `haproxy -v` begins with `HAProxy version 2.6.12-1+deb12u3 2025/…` (2.2: `HA-Proxy version …`). */
async function versionOf(path: string): Promise<HaproxyVersion> {
  const { stdout } = await promisify(execFile)(path, ['-v']);
  const version = /version (\d+\.\d+)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`${path} -v does not tell its version: ${stdout.slice(0, 80)}`);
  return { version, path };
}
