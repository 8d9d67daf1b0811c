/**
 * A lock between processes of one machine that the kernel takes back when its holder dies, however it dies.
 *
 * It is SQLite's file lock (Node's own `node:sqlite`) on an empty database. Locks that are folders or files, such
 * as proper-lockfile's, must be broken by age when their holder was killed: that takes seconds, and two waiters may
 * both break it (measured: 8 processes that met a stale lock held it two at a time in 1 of 20 rounds), which
 * would cost an update.
 */

import { setTimeout as sleep } from 'node:timers/promises';

/** SQLITE_BUSY: somebody else has it. */
const BUSY = 5;
const POLL_MS = { least: 1, most: 10 };

/**
 * Runs `work` while nobody else holds the lock at `path`, in this process or another. A holder that was stopped
 * (SIGSTOP) keeps it.
 *
 * @param path a file of its own, created when it is not there; its folder must be. It is left behind, empty: to
 *   delete it while somebody waits would make two locks of it.
 * @throws Error when it was not free for `waitMs`, or cannot be opened; and whatever `work` throws.
 */
export async function withKernelLock<T>(path: string, waitMs: number, work: () => Promise<T>): Promise<T> {
  const { DatabaseSync } = await import('node:sqlite');
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    const deadline = performance.now() + waitMs;
    while (!take()) {
      if (performance.now() > deadline) throw new Error(`another process held ${path} for ${waitMs} ms`);
      await sleep(POLL_MS.least + Math.random() * (POLL_MS.most - POLL_MS.least));
    }
    return await work();
  } finally {
    database.close();
  }

  function take(): boolean {
    try {
      database.exec('BEGIN EXCLUSIVE');
      return true;
    } catch (error) {
      if (error instanceof Error && 'errcode' in error && error.errcode === BUSY) return false;
      throw error;
    }
  }
}
