/**
 * Real servers as child processes that never outlive us.
 *
 * Each runs in a process group of its own, so that its own children (HAProxy's workers) end with it and a Ctrl-C
 * in the terminal is ours to handle. When this process ends, its servers are killed; even when it is killed
 * with SIGKILL, where the system offers that (`setpriv --pdeathsig`, util-linux 2.33 and later).
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { atExit } from './at-exit.ts';
import { isExecutable } from './executable.ts';

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

/** @throws Error when the program cannot be started at all; one that starts and ends at once is the caller's to see. */
export async function startProcess(program: string, options: ProcessOptions): Promise<StartedProcess> {
  const command = [program, ...options.arguments];
  const [file = program, ...args] =
    setpriv === undefined ? command : [setpriv, '--pdeathsig', 'KILL', ...command];
  const child = spawn(file, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.environment },
  });
  const output = collectOutput(child);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const pid = await started(child, program);

  const signalGroup = (name: NodeJS.Signals) => {
    try {
      process.kill(-pid, name);
    } catch {
      // Already gone.
    }
  };
  const running = () => child.exitCode === null && child.signalCode === null;
  const forget = atExit(() => signalGroup('SIGKILL'));
  const kill = async () => {
    signalGroup('SIGKILL');
    await ended;
    forget();
  };
  return {
    pid,
    running,
    output: output.all,
    outputFromNow: output.outputFromNow,
    kill,
    async stop(grace = 5_000) {
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
    kept = (kept + chunk).slice(-keptOutput);
  };
  child.stdout?.setEncoding('utf8').on('data', keep);
  child.stderr?.setEncoding('utf8').on('data', keep);
  return {
    all: () => kept,
    outputFromNow() {
      const from = total;
      return () => (total === from ? '' : kept.slice(from - total));
    },
  };
}
