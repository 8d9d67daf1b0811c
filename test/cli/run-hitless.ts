/** The command line as its users start it: a process of its own, of which only the outside is looked at. */

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../lib/cli/hitless.ts', import.meta.url));
/** Nothing of the caller's own settings; a variable that is undefined is not set. */
const CLEAN = { HITLESS_CONFIG: undefined, HITLESS_CONSUL_TOKEN: undefined, HITLESS_DEBUG: undefined };

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** The current folder. */
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Of another user, who is in the group of this number alone, or in `gid`; only root can. */
  readonly uid?: number;
  readonly gid?: number;
  /** As the shell takes it. */
  readonly umask?: string;
  /** Standard input; `open`: a pipe that nobody writes to or closes; without it: nothing to read. */
  readonly input?: string;
}

/** Runs `hitless` with these arguments to its end. */
export function runHitless(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const { folder, environment = {}, input, uid, gid, umask } = options;
  const program = [process.execPath, PROGRAM, ...args];
  const shell = umask === undefined ? [] : ['sh', '-c', `umask ${umask} && exec "$0" "$@"`];
  const [file = '', ...rest] = [...shell, ...program];
  return new Promise((resolve, reject) => {
    const child = spawn(file, rest, {
      ...(folder === undefined ? {} : { cwd: folder }),
      ...(uid === undefined ? {} : { uid, gid: gid ?? uid }),
      env: { ...process.env, ...CLEAN, ...environment },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
    });
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin?.on('error', () => {});
    if (input !== undefined && input !== 'open') child.stdin?.end(input);
  });
}
