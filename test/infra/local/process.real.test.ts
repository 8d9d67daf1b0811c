import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { isAlive, startProcess } from '../../../infra/local/process.ts';
import { until } from '../../../infra/local/until.ts';

const starter = fileURLToPath(new URL('../../../infra/local/haproxy.ts', import.meta.url));

/** Starts an HAProxy in a Node process of its own, says what it started, and does `next`. */
const program = (next: string) => `
  import { startHaproxy } from ${JSON.stringify(starter)};
  const { pid, masterPid, socket } = await startHaproxy();
  console.log(JSON.stringify({ pid, masterPid, socket }));
  ${next}
`;

const started: number[] = [];
afterEach(() => {
  for (const pid of started.splice(0)) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
});

async function run(next: string) {
  const node = spawn(process.execPath, ['--input-type=module', '-e', program(next)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(node, 'exit');
  const [chunk] = await once(node.stdout, 'data');
  const told: { pid: number; masterPid: number; socket: string } = JSON.parse(String(chunk));
  started.push(told.pid, told.masterPid);
  return { node, ended, ...told };
}

const stayUp = 'setInterval(() => {}, 1000);';

test.each([
  { what: 'falls off its end', next: '', signal: undefined },
  { what: 'exits', next: 'process.exit(3);', signal: undefined },
  { what: 'throws', next: 'throw "on purpose";', signal: undefined },
  { what: 'is told to end', next: stayUp, signal: 'SIGTERM' as const },
  { what: 'is interrupted', next: stayUp, signal: 'SIGINT' as const },
])('a server ends, and its files go, when the program that started it $what', async ({ next, signal }) => {
  const { node, ended, pid, masterPid, socket } = await run(next);
  if (signal !== undefined) node.kill(signal);
  await ended;
  await until(() => !isAlive(pid) && !isAlive(masterPid), { what: 'HAProxy to be gone' });
  expect(existsSync(socket)).toBe(false);
});

test('a server ends when the program that started it is killed', async () => {
  const { node, ended, pid, masterPid, socket } = await run(stayUp);
  node.kill('SIGKILL');
  await ended;
  // Nobody was left to do it.
  rmSync(dirname(socket), { recursive: true });
  await until(() => !isAlive(pid) && !isAlive(masterPid), { what: 'HAProxy to be gone' });
});

test('a program that is not there is named', async () => {
  await expect(startProcess('/nowhere/haproxy', { arguments: [] })).rejects.toThrow('/nowhere/haproxy');
});

test('a program that ignores SIGTERM is stopped all the same', async () => {
  const stubborn = await startProcess('/bin/sh', {
    arguments: ['-c', 'trap "" TERM; echo up; while :; do sleep 1; done'],
  });
  await until(() => stubborn.output().includes('up'), { what: 'the program to be up' });
  await stubborn.stop(50);
  expect(isAlive(stubborn.pid)).toBe(false);
});
