import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type TemporaryFolder, temporaryFolder } from '../../infra/local/temporary-folder.ts';
import { createDirectoryStore } from '../../lib/store/directory-store.ts';
import { StoreFailed } from '../../lib/store/object-store.ts';
import { describeObjectStore } from './object-store-contract.ts';

describeObjectStore('a directory', async () => {
  const folder = temporaryFolder('store');
  return {
    // It does not exist yet.
    store: createDirectoryStore(join(folder.path, 'deep', 'store')),
    stop: async () => folder.remove(),
  };
});

let folder: TemporaryFolder;
const children = new Set<ChildProcess>();

beforeEach(() => {
  folder = temporaryFolder('store');
});

afterEach(async () => {
  for (const child of children) await kill(child);
  children.clear();
  folder.remove();
});

function start(...args: string[]): ChildProcess {
  const program = join(import.meta.dirname, 'store-child.ts');
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

test('objects are files at their keys, and nothing else is visible', async () => {
  await createDirectoryStore(folder.path).put('fleets/edge/slots.json', '{}\n');
  expect(await readFile(join(folder.path, 'fleets/edge/slots.json'), 'utf8')).toBe('{}\n');
  const names = await readdir(folder.path, { recursive: true });
  expect(names.filter((name) => !name.startsWith('.locks')).sort()).toEqual([
    'fleets',
    'fleets/edge',
    'fleets/edge/slots.json',
  ]);
});

describe('a key that is no relative path of ordinary names is refused', () => {
  test.each([
    '',
    '/etc/passwd',
    '../x',
    'a/../../x',
    'a//b',
    'a/',
    './a',
    'a/.hidden',
    '.locks/0',
    'a\0b',
  ])('%j', async (key) => {
    const store = createDirectoryStore(folder.path);
    await expect(store.get(key)).rejects.toThrow(StoreFailed);
    await expect(store.put(key, 'x')).rejects.toThrow(StoreFailed);
    await expect(store.putIf(key, 'x', null)).rejects.toThrow('is not a key');
  });
});

test('what cannot be read or written is named with its path', async () => {
  const store = createDirectoryStore(folder.path);
  await store.put('a/file', 'x');
  await expect(store.get('a')).rejects.toThrow(`cannot get ${join(folder.path, 'a')}: EISDIR`);
  await expect(store.put('a/file/b', 'x')).rejects.toThrow(/cannot put .*a\/file\/b: .*(EEXIST|ENOTDIR)/);
  expect((await store.get('a/file'))?.body).toBe('x');
});

test('a counter that several processes increment loses nothing', async () => {
  const writers = Array.from({ length: 4 }, () => start('increment', folder.path, 'a/counter', '25'));
  const codes = await Promise.all(writers.map(async (writer) => (await once(writer, 'exit'))[0]));
  expect(codes).toEqual([0, 0, 0, 0]);
  expect((await createDirectoryStore(folder.path).get('a/counter'))?.body).toBe('100');
});

test('a writer killed at any moment leaves the old object or the new one, and blocks nobody', async () => {
  const store = createDirectoryStore(folder.path);
  for (let round = 0; round < 12; round += 1) {
    const writer = start('rewrite', folder.path, 'a/object');
    if (writer.stdout !== null) await once(writer.stdout, 'data');
    await sleep(Math.random() * 15);
    await kill(writer);
    const left = await store.get('a/object');
    expect(left?.body).toMatch(/^(a+|b+)$/);
    expect(left?.body).toHaveLength(500_000);
    const began = performance.now();
    expect(await store.putIf('a/object', 'a', left?.etag ?? null)).not.toBe('lost-race');
    // Locks that go by age take seconds here; this one is the kernel's and goes with its holder.
    expect(performance.now() - began).toBeLessThan(5_000);
  }
  expect(await readdir(join(folder.path, 'a'))).toEqual(['object']);
});

test('the half-written file of a killed writer is in nobody’s way', async () => {
  const store = createDirectoryStore(folder.path);
  await mkdir(join(folder.path, 'a'));
  await writeFile(join(folder.path, 'a', '.object.tmp'), 'x'.repeat(1_000));
  expect(await store.get('a/object')).toBeNull();
  await store.putIf('a/object', 'new', null);
  expect((await store.get('a/object'))?.body).toBe('new');
  expect(await readdir(join(folder.path, 'a'))).toEqual(['object']);
});

test('two stores on one directory are one store, also through a symbolic link', async () => {
  await mkdir(join(folder.path, 'real'));
  await symlink(join(folder.path, 'real'), join(folder.path, 'link'));
  const stores = ['real', 'link'].map((name) => createDirectoryStore(join(folder.path, name)));
  const results = await Promise.all(stores.map((store, n) => store.putIf('object', String(n), null)));
  expect(results.filter((result) => result === 'lost-race')).toHaveLength(1);
});
