/** A program of infra/local, run as a user runs it, with a folder of its own for everything that is temporary. */

import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../../infra/local/temporary-folder.ts';
import { processesNaming } from './system/leftovers.ts';

export const checkout = fileURLToPath(new URL('../../..', import.meta.url));

export interface Program {
  readonly pid: number;
  /** Its TMPDIR. */
  readonly folder: string;
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** The exit code, or the signal's name. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  /** Processes and files that it has not taken with it. */
  leftovers(): string[];
  /** Kills it if it runs, and deletes its folder. */
  remove(): Promise<void>;
}

/** @param file below infra/local. */
export function runProgram(
  file: string,
  args: (folder: string) => readonly string[] = () => [],
  environment: Readonly<Record<string, string>> = {},
): Program {
  const folder = temporaryFolder('run');
  const child = spawn(process.execPath, [`infra/local/${file}`, ...args(folder.path)], {
    cwd: checkout,
    env: { ...process.env, TMPDIR: folder.path, NO_COLOR: '1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
  }
  const ended = endOf(child);
  return {
    pid: child.pid ?? 0,
    folder: folder.path,
    output: () => output,
    signal: (name) => child.kill(name),
    ended,
    leftovers: () => [...processesNaming(folder.path), ...readdirSync(folder.path)],
    async remove() {
      child.kill('SIGKILL');
      await ended;
      folder.remove();
    },
  };
}

/** After its output has been read to the end. */
function endOf(child: ChildProcess): Program['ended'] {
  return new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal)));
}
