import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chown,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
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

test.each([
  { what: 'huge', make: (path: string) => truncate(path, 1024 ** 4), says: 'it has more than 128MiB' },
  { what: 'a pipe', make: (path: string) => execFileSync('mkfifo', [path]), says: 'it is no regular file' },
  { what: 'a directory', make: (path: string) => mkdir(path), says: 'EISDIR' },
])('an object that somebody made $what is refused at once', async ({ what, make, says }) => {
  const store = createDirectoryStore(folder.path);
  await store.put('fleets/edge/slots.json', '{}');
  const path = join(folder.path, 'fleets/edge/slots.json');
  if (what !== 'huge') await rm(path);
  await make(path);
  await expect(store.get('fleets/edge/slots.json')).rejects.toThrow(`cannot get ${path}: ${says}`);
});

describe('generations that were followed by another one long ago are removed', () => {
  const DAY_MS = 24 * 60 * 60_000;

  /** Folders 1 to `count`, one a day, the last one today. */
  async function aged(count: number) {
    const store = createDirectoryStore(folder.path);
    for (let number = 1; number <= count; number += 1) {
      await store.put(`generations/${number}/slots.json`, '{}');
      await store.put(`generations/${number}/haproxy.cfg`, '');
      const then = new Date(Date.now() - (count - number) * DAY_MS - 1_000);
      for (const file of ['slots.json', 'haproxy.cfg']) {
        await utimes(join(folder.path, 'generations', String(number), file), then, then);
      }
    }
    const left = async () =>
      [...((await store.list?.('generations')) ?? [])].sort((one, other) => Number(one) - Number(other));
    return { store, left };
  }

  test('what is younger stays, and what was the newest until then', async () => {
    const { store, left } = await aged(12);
    await store.expire?.('generations', { days: 5, keep: 100, most: 100 });
    expect(await left()).toEqual(['7', '8', '9', '10', '11', '12']);
  });

  test('a few at a time', async () => {
    const { store, left } = await aged(12);
    await store.expire?.('generations', { days: 5, keep: 100, most: 2 });
    expect((await left())[0]).toBe('3');
    await store.expire?.('generations', { days: 5, keep: 100, most: 2 });
    expect((await left())[0]).toBe('5');
  });

  test('and younger ones that are too many', async () => {
    const { store, left } = await aged(12);
    await store.expire?.('generations', { days: 90, keep: 4, most: 5 });
    expect(await left()).toEqual(['6', '7', '8', '9', '10', '11', '12']);
    await store.expire?.('generations', { days: 90, keep: 4, most: 5 });
    expect(await left()).toEqual(['9', '10', '11', '12']);
    await store.expire?.('generations', { days: 90, keep: 0, most: 5 });
    expect(await left()).toEqual(['12']);
  });

  test('the newest one never, whatever its age', async () => {
    const { store, left } = await aged(3);
    await store.expire?.('generations', { days: -1, keep: 100, most: 100 });
    expect(await left()).toEqual(['3']);
  });

  test('one that is half removed already, and nothing that is no number', async () => {
    const { store, left } = await aged(4);
    await rm(join(folder.path, 'generations/1/slots.json'));
    await store.put('generations/notes/a.txt', 'mine');
    await store.expire?.('generations', { days: 2, keep: 100, most: 100 });
    expect(await left()).toEqual(expect.arrayContaining(['2', '3', '4', 'notes']));
    expect(await left()).not.toContain('1');
    await store.expire?.('none', { days: 2, keep: 100, most: 100 });
  });

  test('what killed writers left is one file for each lock, and no more', async () => {
    const store = createDirectoryStore(folder.path);
    for (let round = 0; round < 3; round += 1) {
      const writer = start('rewrite', folder.path, `generations/${round}/slots.json`);
      if (writer.stdout !== null) await once(writer.stdout, 'data');
      await kill(writer);
    }
    await store.put('generations/9/slots.json', '{}');
    const names = await readdir(folder.path, { recursive: true });
    expect(names.filter((name) => name.endsWith('.tmp') && !name.startsWith('.locks/'))).toEqual([]);
  });
});

test.skipIf(process.getuid?.() !== 0)(
  'what root writes into the store of another user is that user’s',
  async () => {
    const uid = 12_345;
    await chown(folder.path, uid, uid);
    const store = createDirectoryStore(folder.path);
    await store.put('fleets/edge/generations/1/slots.json', '{}');
    await (await store.takeTurn?.('edge', { onWaiting: () => {} }))?.end();
    const names = await readdir(folder.path, { recursive: true });
    const owners = await Promise.all(names.map(async (name) => (await stat(join(folder.path, name))).uid));
    expect(owners).toEqual(names.map(() => uid));
  },
);
