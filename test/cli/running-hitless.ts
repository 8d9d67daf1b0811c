/** `hitless run` as a service manager starts it: a process of its own, of which only the outside is looked at. */

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { until } from '../../infra/local/until.ts';

const PROGRAM = fileURLToPath(new URL('../../lib/cli/hitless.ts', import.meta.url));

export interface RunningOptions {
  readonly folder: string;
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** What is started instead of the checkout's command. */
  readonly program?: readonly string[];
}

export interface RunningHitless {
  readonly pid: number;
  /** What it wrote so far, errors too. */
  output(): string;
  /** Returns when it wrote something like this since `from` (a length of `output()`). */
  says(text: RegExp, from?: number): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** The exit code, or the signal's name. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

/** Killed when the test ends, if it still runs. */
export function runningHitless({
  folder,
  args = [],
  environment = {},
  program,
}: RunningOptions): RunningHitless {
  const [file = '', ...first] = program ?? [process.execPath, PROGRAM];
  const child = spawn(file, [...first, 'run', ...args], {
    cwd: folder,
    env: { ...process.env, HITLESS_CONFIG: undefined, NOTIFY_SOCKET: undefined, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
  }
  const ended = new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return {
    pid: child.pid ?? 0,
    output: () => output,
    says: async (text, from = 0) => {
      await until(() => text.test(output.slice(from)), { what: `${text} in:\n${output}` }).catch((error) => {
        throw new Error(`${error.message}\nall it said:\n${output}`);
      });
    },
    signal: (name) => child.kill(name),
    ended,
  };
}
