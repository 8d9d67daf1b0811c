/**
 * The object store in a directory of one machine: keys are paths below it, ETags are digests of the content.
 *
 * Beside the objects it has `.locks/`: a few small files, one more for each fleet, and what a killed writer left
 * behind. Files get the permissions that the process's umask leaves, and the owner that file-owner.ts says.
 */

import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import pLimit, { type LimitFunction } from 'p-limit';
import { LARGEST_OBJECT_BYTES } from '../model/limits.ts';
import { giveTo, makeFolder, type Owner, ownerToBe } from './file-owner.ts';
import { LockNotFree, takeKernelLock, withKernelLock } from './kernel-lock.ts';
import {
  type ObjectStore,
  ObjectTooLarge,
  type StoredObject,
  StoreFailed,
  TurnNotFree,
} from './object-store.ts';
import { namesIn, removeOld } from './old-folders.ts';
import { storeObstacles, withReason } from './store-obstacles.ts';

/** Writers of different keys seldom wait for each other; few enough that the lock files do not litter. */
const LOCKS = 16;
/** A writer holds a lock for two fsyncs; one that holds it for so long is stopped, and not dead. */
const LOCK_WAIT_MS = 10_000;
/** Several passes, each of them with an instance that does not answer. */
const TURN_WAIT_MS = 60_000;

export interface DirectoryStoreOptions {
  /** For how long a turn is waited for, in milliseconds; 60 s when absent. */
  readonly turnWaitMs?: number;
}

/**
 * Readers see the old object or the new one, never a part, and a new one survives a power failure: it is written
 * beside the locks, flushed, and renamed. What a killed writer left there is overwritten by the next: there is one such
 * file for each lock, and no more.
 *
 * Conditional writes and turns are exact among all processes of this machine, whatever user they run as: one that may
 * not take a lock is refused, and does nothing. Not on network file systems that do not implement locks.
 *
 * Refused, with `StoreFailed`, are keys that are no relative path of ordinary names: an empty one, an absolute one,
 * and segments that are empty or begin with a dot.
 *
 * @param folder is created by the first write.
 */
export function createDirectoryStore(
  folder: string,
  { turnWaitMs = TURN_WAIT_MS }: DirectoryStoreOptions = {},
): ObjectStore {
  const queues = new Map<number, LimitFunction>();
  const locks = join(folder, '.locks');
  const exclusively = <T>(key: string, work: (place: Place) => Promise<T>): Promise<T> => {
    const number = lockOf(key);
    const queue = queues.get(number) ?? pLimit(1);
    queues.set(number, queue);
    return queue(async () => {
      const owner = ownerToBe(folder);
      await makeFolder(locks, owner);
      const path = join(locks, String(number));
      const wait = { waitMs: LOCK_WAIT_MS, owner };
      return withKernelLock(path, wait, () => work({ temporary: `${path}.tmp`, owner }));
    });
  };

  return {
    get: (key) => reporting('get', folder, key, (path) => readObject(path)),

    put: (key, body) =>
      reporting('put', folder, key, (path) =>
        exclusively(key, (place) => replaceFile(path, Buffer.from(body), place)),
      ),

    putIf: (key, body, expected) =>
      reporting('put', folder, key, (path) =>
        exclusively(key, async (place) => {
          const present = await readObject(path);
          if ((present?.etag ?? null) !== expected) return 'lost-race';
          const bytes = Buffer.from(body);
          await replaceFile(path, bytes, place);
          return { etag: etagOf(bytes) };
        }),
      ),

    list: (folderKey) => reporting('get', folder, folderKey, namesIn),

    expire: (folderKey, options) => reporting('put', folder, folderKey, (path) => removeOld(path, options)),

    async takeTurn(fleet, { signal, onWaiting }) {
      const path = join(locks, `turn-${fleet}`);
      try {
        const owner = ownerToBe(folder);
        await makeFolder(locks, owner);
        const lock = await takeKernelLock(path, {
          waitMs: turnWaitMs,
          signal,
          owner,
          onWaiting: (holder) => onWaiting(holder?.words ?? 'another process'),
        });
        return { end: lock.release };
      } catch (error) {
        if (signal?.aborted === true) throw error;
        if (error instanceof LockNotFree) throw new TurnNotFree(turnNotFree(error, turnWaitMs));
        throw new StoreFailed('put', path, withReason(error, folder));
      }
    },

    obstacles: (fleet) => storeObstacles(folder, fleet),
  };
}

function turnNotFree({ holder }: LockNotFree, waitMs: number): string {
  const who = holder?.words ?? 'another process';
  const why = `waited ${waitMs / 1_000} s for ${who} to end its pass of this fleet, and did nothing`;
  if (holder === null) return why;
  return holder.stopped
    ? `${why}: \`kill -CONT ${holder.pid}\` lets it go on, \`kill -9 ${holder.pid}\` ends it; the next pass finishes what it began`
    : `${why}: when \`ps ${holder.pid}\` says that it hangs, \`kill -9 ${holder.pid}\` does no harm`;
}

/** Where a writer writes, and for whom. */
interface Place {
  readonly temporary: string;
  readonly owner: Owner | null;
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
    throw new StoreFailed(operation, path, withReason(error, folder));
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
    const bytes = await readRegular(path);
    return { body: bytes.toString(), etag: etagOf(bytes) };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Opened without waiting: a pipe that somebody left there would be waited for until somebody writes into it. */
async function readRegular(path: string): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (!stats.isFile() && !stats.isDirectory()) throw new Error('it is no regular file');
    if (stats.size > LARGEST_OBJECT_BYTES) throw new ObjectTooLarge();
    return await file.readFile();
  } finally {
    await file.close();
  }
}

function etagOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function replaceFile(path: string, bytes: Buffer, { temporary, owner }: Place): Promise<void> {
  const folder = dirname(path);
  await makeFolder(folder, owner);
  // Where releases before this one wrote.
  const beside = join(folder, `.${basename(path)}.tmp`);
  await rm(beside, { force: true });
  try {
    await writeAndFlush(temporary, bytes, owner);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    // The folder is a link to, or a mount of, another file system.
    if (codeOf(error) !== 'EXDEV') throw error;
    await writeAndFlush(beside, bytes, owner);
    await rename(beside, path);
  }
  await flushFolder(folder);
}

/** What is there already, a killed writer left, maybe of another user: it is not written to, but replaced. */
async function writeAndFlush(path: string, bytes: Buffer, owner: Owner | null): Promise<void> {
  await rm(path, { force: true });
  const file = await open(path, 'wx');
  try {
    await giveTo(file, owner);
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

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
