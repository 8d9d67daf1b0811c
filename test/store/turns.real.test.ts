/** Turns of a directory store between real processes: of one user, of several, killed and stopped ones. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type TemporaryFolder, temporaryFolder } from '../../infra/local/temporary-folder.ts';
import { createDirectoryStore, type DirectoryStoreOptions } from '../../lib/store/directory-store.ts';
import { TurnNotFree } from '../../lib/store/object-store.ts';

const isRoot = process.getuid?.() === 0;

let folder: TemporaryFolder;
const children = new Set<ChildProcess>();

beforeEach(() => {
  folder = temporaryFolder('turns');
});

afterEach(async () => {
  for (const child of children) await kill(child);
  children.clear();
  folder.remove();
});

function start(task: string, times = 0, uid?: number): ChildProcess {
  const program = join(import.meta.dirname, 'store-child.ts');
  const child = spawn(process.execPath, [program, task, folder.path, 'edge', String(times)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  children.add(child);
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** A process that has the turn. */
async function holder(uid?: number): Promise<ChildProcess> {
  const child = start('hold', 0, uid);
  if (child.stdout !== null) expect(String((await once(child.stdout, 'data'))[0])).toBe('has it\n');
  return child;
}

function takeTurn(options: DirectoryStoreOptions, signal?: AbortSignal, told: string[] = []) {
  const store = createDirectoryStore(folder.path, options);
  return store.takeTurn?.('edge', { signal, onWaiting: (holder) => told.push(holder) });
}

async function countIn(uids: readonly (number | undefined)[]): Promise<string> {
  writeFileSync(join(folder.path, 'count'), '0');
  chmodSync(join(folder.path, 'count'), 0o666);
  const all = uids.map((uid) => start('turns', 15, uid));
  const codes = await Promise.all(all.map(async (child) => (await once(child, 'exit'))[0]));
  expect(codes).toEqual(uids.map(() => 0));
  return readFileSync(join(folder.path, 'count'), 'utf8');
}

test('what several processes do in their turns, one does after the other', async () => {
  expect(await countIn([undefined, undefined, undefined, undefined])).toBe('60');
});

test.skipIf(!isRoot)('the turns of one user keep another one waiting, too', async () => {
  chmodSync(folder.path, 0o755);
  mkdirSync(join(folder.path, '.locks'));
  writeFileSync(join(folder.path, '.locks', 'turn-edge'), '');
  expect(await countIn([0, 12_345, 12_346, 0])).toBe('60');
});

test('a holder that is killed lets it go at once', async () => {
  const child = await holder();
  const waiting = takeTurn({});
  await kill(child);
  const killedMs = performance.now();
  await (await waiting)?.end();
  expect(performance.now() - killedMs).toBeLessThan(1_000);
});

test('a holder that is stopped is named, and waited for no longer than the limit', async () => {
  const child = await holder();
  child.kill('SIGSTOP');
  const told: string[] = [];
  const failed = await takeTurn({ turnWaitMs: 1_500 }, undefined, told)?.catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(TurnNotFree);
  expect(String(failed)).toContain(`waited 1.5 s for process ${child.pid} of user`);
  expect(String(failed)).toContain(`\`kill -CONT ${child.pid}\` lets it go on`);
  expect(told).toEqual([expect.stringMatching(`^process ${child.pid} of user .*, which is stopped,$`)]);
});

test.skipIf(!isRoot)('a process of another user is named, too', async () => {
  chmodSync(folder.path, 0o777);
  const child = await holder(12_345);
  await expect(takeTurn({ turnWaitMs: 50 })).rejects.toThrow(`process ${child.pid} of user 12345`);
});

test('nobody else is named when the last holder was killed, and the present one cannot write who he is', async () => {
  await kill(await holder());
  const file = join(folder.path, '.locks', 'turn-edge');
  const dead = readFileSync(file, 'utf8');
  const turn = await takeTurn({});
  writeFileSync(file, dead);
  await expect(takeTurn({ turnWaitMs: 50 })).rejects.toThrow('for another process to end its pass');
  await turn?.end();
});

test('whoever gives up waiting leaves nothing behind', async () => {
  const turn = await takeTurn({});
  await expect(takeTurn({}, AbortSignal.timeout(50))).rejects.toThrow('timeout');
  await turn?.end();
  await (await takeTurn({ turnWaitMs: 50 }))?.end();
});
