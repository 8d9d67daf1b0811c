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

/** Exit code of `flock` for a lock that did not become free in time; its others are failures. */
const BUSY = 1;
/** Where it stands in the program that is handed it. */
const DESCRIPTOR = 3;

/**
 * Runs `work` while nobody else holds the lock at `path`, in this process or another. A holder that was stopped
 * (SIGSTOP) keeps it.
 *
 * @param path a file of its own, created when it is not there; its folder must be. It is left behind, empty: to
 *   delete it while somebody waits would make two locks of it. One that belongs to another user excludes as well, where
 *   we may read it.
 * @throws Error when it was not free for `waitMs`, or cannot be opened, or there is no program `flock`; and whatever
 *   `work` throws.
 */
export async function withKernelLock<T>(path: string, waitMs: number, work: () => Promise<T>): Promise<T> {
  const file = await opened(path);
  try {
    if (!(await taken(file, waitMs))) throw new Error(`another process held ${path} for ${waitMs} ms`);
    return await work();
  } finally {
    await file.close();
  }
}

/** Whoever may only read it can lock it, too; flock(2). */
async function opened(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDWR | constants.O_CREAT);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EACCES') return open(path, 'r');
    throw error;
  }
}

/** @returns false when somebody else had it all the time. */
async function taken({ fd }: FileHandle, waitMs: number): Promise<boolean> {
  const seconds = String(waitMs / 1_000);
  const child = spawn('flock', ['--exclusive', '--timeout', seconds, String(DESCRIPTOR)], {
    stdio: ['ignore', 'ignore', 'pipe', fd],
  });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (words: string) => {
    said += words;
  });
  const [code, signal] = await once(child, 'close').catch((error: unknown) => {
    const words = error instanceof Error ? error.message : String(error);
    throw new Error(`the program flock (of util-linux) cannot be started: ${words}`, { cause: error });
  });
  if (code === 0 || code === BUSY) return code === 0;
  throw new Error(`flock ended with ${code ?? signal}: ${said.trim()}`);
}
