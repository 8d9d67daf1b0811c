/**
 * The object store in a directory of one machine: keys are paths below it, ETags are digests of the content.
 *
 * Beside the objects it has `.locks/` (a few empty files) and, while something is written, a `.NAME.tmp` next to the
 * object. Files get the permissions that the process's umask leaves.
 */

import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import pLimit, { type LimitFunction } from 'p-limit';
import { withKernelLock } from './kernel-lock.ts';
import { type ObjectStore, type StoredObject, StoreFailed } from './object-store.ts';

/** Writers of different keys seldom wait for each other; few enough that the lock files do not litter. */
const LOCKS = 16;
/** A writer holds a lock for two fsyncs; one that holds it for so long is stopped, and not dead. */
const LOCK_WAIT_MS = 10_000;

/**
 * Readers see the old object or the new one, never a part, and a new one survives a power failure: it is written
 * beside the old one, flushed, and renamed. What a killed writer left behind is overwritten by the next.
 *
 * Conditional writes are exact among all processes of this machine. Not on network file systems that do not
 * implement locks.
 *
 * Refused, with `StoreFailed`, are keys that are no relative path of ordinary names: an empty one, an absolute one,
 * and segments that are empty or begin with a dot.
 *
 * @param folder is created by the first write.
 */
export function createDirectoryStore(folder: string): ObjectStore {
  const queues = new Map<number, LimitFunction>();
  const exclusively = <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const number = lockOf(key);
    const queue = queues.get(number) ?? pLimit(1);
    queues.set(number, queue);
    return queue(async () => {
      const locks = join(folder, '.locks');
      await mkdir(locks, { recursive: true });
      return withKernelLock(join(locks, String(number)), LOCK_WAIT_MS, work);
    });
  };

  return {
    get: (key) => reporting('get', folder, key, (path) => readObject(path)),

    put: (key, body) =>
      reporting('put', folder, key, (path) => exclusively(key, () => replaceFile(path, Buffer.from(body)))),

    putIf: (key, body, expected) =>
      reporting('put', folder, key, (path) =>
        exclusively(key, async () => {
          const present = await readObject(path);
          if ((present?.etag ?? null) !== expected) return 'lost-race';
          const bytes = Buffer.from(body);
          await replaceFile(path, bytes);
          return { etag: etagOf(bytes) };
        }),
      ),
  };
}

async function reporting<T>(
  operation: 'get' | 'put',
  folder: string,
  key: string,
  work: (path: string) => Promise<T>,
): Promise<T> {
  const path = join(folder, key);
  try {
    if (!isKey(key)) throw new Error(`${JSON.stringify(key)} is not a key`);
    return await work(path);
  } catch (error) {
    throw new StoreFailed(operation, path, error);
  }
}

function isKey(key: string): boolean {
  return !key.includes('\0') && key.split('/').every((segment) => segment !== '' && !segment.startsWith('.'));
}

function lockOf(key: string): number {
  return (createHash('sha256').update(key).digest()[0] ?? 0) % LOCKS;
}

async function readObject(path: string): Promise<StoredObject | null> {
  try {
    const bytes = await readFile(path);
    return { body: bytes.toString(), etag: etagOf(bytes) };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

function etagOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Only one writer of a path at a time, or they would share the temporary file. */
async function replaceFile(path: string, bytes: Buffer): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const temporary = join(folder, `.${basename(path)}.tmp`);
  await writeAndFlush(temporary, bytes);
  await rename(temporary, path);
  await flushFolder(folder);
}

async function writeAndFlush(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
