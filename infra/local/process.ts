/**
 * Real servers as child processes that never outlive us.
 *
 * Each runs in a process group of its own, so that its own children (HAProxy's workers) end with it and a Ctrl-C
 * in the terminal is ours to handle. When this process ends, its servers are killed; even when it is killed
 * with SIGKILL, where the system offers that (`setpriv --pdeathsig`, util-linux 2.33 and later).
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { atExit } from './at-exit.ts';
import { isExecutable } from './executable.ts';
import { until } from './until.ts';

export interface ProcessOptions {
  readonly arguments: readonly string[];
  /** Added to our own environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface StartedProcess {
  readonly pid: number;
  /** False from the moment the process has ended. */
  running(): boolean;
  /** What it wrote to standard output and standard error, mixed; at most the last 64 kB. */
  output(): string;
  /** Remembers this moment; the returned function gives what was written after it, at most the last 64 kB. */
  outputFromNow(): () => string;
  /** Ends it with SIGTERM, or with SIGKILL after `grace` milliseconds (5,000); returns when it is gone. */
  stop(grace?: number): Promise<void>;
  /** Ends it and its children with SIGKILL; returns when it is gone. */
  kill(): Promise<void>;
  signal(name: NodeJS.Signals): void;
}

const keptOutput = 65_536;
const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find(isExecutable);

/**
 * @param program its path.
 * @throws Error when the program cannot be started at all; one that starts and ends at once is the caller's to see.
 */
export async function startProcess(program: string, options: ProcessOptions): Promise<StartedProcess> {
  if (!isExecutable(program)) throw new Error(`cannot start ${program}: there is no such program`);
  const command = [program, ...options.arguments];
  const [file = program, ...args] =
    setpriv === undefined ? command : [setpriv, '--pdeathsig', 'KILL', ...command];
  const child = spawn(file, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.environment },
  });
  // A server alone does not keep this program running: it ends with it instead.
  child.unref();
  const output = collectOutput(child);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const pid = await started(child, program);

  const running = () => child.exitCode === null && child.signalCode === null;
  const killGroup = (group: readonly number[]) => {
    if (!running() && group.length === 0) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // Already gone.
    }
  };
  const forget = atExit(() => killGroup(groupOf(pid)));
  const kill = async () => {
    const group = groupOf(pid);
    child.ref();
    killGroup(group);
    await ended;
    await until(() => !group.some(isAlive), { what: `the children of ${program} to be gone`, every: 5 });
    forget();
  };
  return {
    pid,
    running,
    output: output.all,
    outputFromNow: output.outputFromNow,
    kill,
    async stop(grace = 5_000) {
      child.ref();
      if (running()) child.kill('SIGTERM');
      await Promise.race([ended, sleep(grace, undefined, { ref: false })]);
      await kill();
    },
    signal(name) {
      if (running()) child.kill(name);
    },
  };
}

function started(child: ChildProcess, program: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('spawn', () => {
      if (child.pid === undefined) reject(new Error(`${program} has no process id`));
      else resolve(child.pid);
    });
    child.once('error', (error) =>
      reject(new Error(`cannot start ${program}: ${error.message}`, { cause: error })),
    );
  });
}

function collectOutput(child: ChildProcess): Pick<StartedProcess, 'outputFromNow'> & { all(): string } {
  let kept = '';
  let total = 0;
  const keep = (chunk: string) => {
    total += chunk.length;
    kept += chunk;
    // Not at every chunk: HAProxy writes a line for each server that changes.
    if (kept.length > 2 * keptOutput) kept = kept.slice(-keptOutput);
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', keep);
    if (stream instanceof Socket) stream.unref();
  }
  return {
    all: () => kept.slice(-keptOutput),
    outputFromNow() {
      const from = total;
      return () => (total === from ? '' : kept.slice(from - total));
    },
  };
}

/** False for a process that has ended, also while its parent has not asked for its exit code (a zombie). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return statusOf(pid)?.state !== 'Z';
}

/** Its living members; none on systems without /proc, where a group is killed but not waited for. */
function groupOf(group: number): number[] {
  try {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0 && statusOf(pid)?.group === group);
  } catch {
    return [];
  }
}

/** From `/proc/PID/stat`: `PID (NAME) STATE PARENT GROUP …`, where the name may hold blanks and parentheses. */
function statusOf(pid: number): { readonly state: string | undefined; readonly group: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state, , group] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state, group: Number(group) };
  } catch {
    return undefined;
  }
}
