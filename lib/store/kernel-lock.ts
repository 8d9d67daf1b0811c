/**
 * A lock between processes of one machine that the kernel takes back when its holder dies, however it dies.
 *
 * It is flock(2), which Node.js does not offer: the program `flock` (util-linux, on every Debian) locks the open file
 * that it is handed, and the lock stays with our descriptor when the program has ended. Not Node's own `node:sqlite`:
 * Node.js 20 has none, and a lock file that belongs to another user it opens read-only and excludes nobody. Locks that
 * are folders or files, such as proper-lockfile's, must be broken by age when their holder was killed: that takes
 * seconds, and two waiters may both break it (measured: 8 processes that met a stale lock held it two at a time in 1 of
 * 20 rounds), which would cost an update. Measured: 1.5 to 3 ms to take one.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, type FileHandle, open } from 'node:fs/promises';
import { giveTo, type Owner } from './file-owner.ts';
import { type LockHolder, readHolder, writeHolder } from './lock-holder.ts';

/** Exit code of `flock` for a lock that did not become free in time; its others are failures. */
const BUSY = 1;
/** Where it stands in the program that is handed it. */
const DESCRIPTOR = 3;
/** Who is waited for longer, or for half of the limit, is told about. */
const TELL_AFTER_MS = 5_000;

export interface KernelLock {
  readonly release: () => Promise<void>;
}

export interface LockWait {
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Told once, when it takes more than a moment. */
  readonly onWaiting?: ((holder: LockHolder | null) => void) | undefined;
  /** To whom the file is given when it is created here; absent or null: it stays our own. */
  readonly owner?: Owner | null;
}

/** It was not free for so long. Trying again later can help. */
export class LockNotFree extends Error {
  override readonly name = 'LockNotFree';
  readonly code = 'STORE_LOCK_NOT_FREE';
  /** Null: it cannot be told. */
  readonly holder: LockHolder | null;

  constructor(path: string, waitMs: number, holder: LockHolder | null) {
    super(`${holder?.words ?? 'another process'} held ${path} for ${waitMs} ms`);
    this.holder = holder;
  }
}

/**
 * Waits until nobody else holds the lock at `path`, in this process or another, and takes it; who waits longest is
 * next. A holder that was stopped (SIGSTOP) keeps it.
 *
 * @param path a file of its own, created when it is not there; its folder must be. It is left behind: to delete it while
 *   somebody waits would make two locks of it. One that belongs to another user excludes as well, where we may read it.
 * @throws LockNotFree, the signal's reason; Error when it cannot be opened, or there is no program `flock`.
 */
export async function takeKernelLock(path: string, wait: LockWait): Promise<KernelLock> {
  const { waitMs, signal, onWaiting, owner = null } = wait;
  const file = await opened(path, owner);
  const late = async () => onWaiting?.(await readHolder(path));
  const telling =
    onWaiting === undefined ? undefined : setTimeout(() => void late(), Math.min(TELL_AFTER_MS, waitMs / 2));
  try {
    if (!(await taken(file, waitMs, signal))) throw new LockNotFree(path, waitMs, await readHolder(path));
    await writeHolder(file);
    return { release: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  } finally {
    clearTimeout(telling);
  }
}

/** Runs `work` while nobody else holds the lock. @throws as `takeKernelLock`, and whatever `work` throws. */
export async function withKernelLock<T>(
  path: string,
  wait: LockWait | number,
  work: () => Promise<T>,
): Promise<T> {
  const lock = await takeKernelLock(path, typeof wait === 'number' ? { waitMs: wait } : wait);
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

/** Whoever may only read it can lock it, too; flock(2). */
async function opened(path: string, owner: Owner | null): Promise<FileHandle> {
  try {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW);
    await giveTo(file, owner);
    return file;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EACCES')) throw error;
    return open(path, 'r').catch(() => {
      throw error;
    });
  }
}

/** @returns false when somebody else had it all the time. */
async function taken({ fd }: FileHandle, waitMs: number, signal: AbortSignal | undefined): Promise<boolean> {
  signal?.throwIfAborted();
  const seconds = String(waitMs / 1_000);
  const child = spawn('flock', ['--exclusive', '--timeout', seconds, String(DESCRIPTOR)], {
    stdio: ['ignore', 'ignore', 'pipe', fd],
    ...(signal === undefined ? {} : { signal }),
  });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (words: string) => {
    said += words;
  });
  const [code, killed] = await once(child, 'close').catch((error: unknown) => {
    signal?.throwIfAborted();
    const words = error instanceof Error ? error.message : String(error);
    throw new Error(`the program flock (of util-linux) cannot be started: ${words}`, { cause: error });
  });
  if (code === 0 || code === BUSY) return code === 0;
  throw new Error(`flock ended with ${code ?? killed}: ${said.trim()}`);
}
