/**
 * Notices that an HAProxy of this machine started anew: it makes its unix socket again, which is another file then. Not so
 * after a reload that inherits the socket (`expose-fd listeners`, master-worker): that one the next pass finds.
 */

import { stat } from 'node:fs/promises';
import { sleepUntil } from './alarm.ts';

/** To look costs some ten microseconds. */
const EVERY_MS = 1_000;

/** Calls `onNew` when a socket is there that was not at the last look. Returns when `signal` aborts; throws nothing. */
export async function watchSockets(
  paths: readonly string[],
  onNew: () => void,
  signal: AbortSignal,
): Promise<void> {
  if (paths.length === 0) return;
  let before = await Promise.all(paths.map(identityOf));
  while (!signal.aborted) {
    await sleepUntil(EVERY_MS, signal);
    const now = await Promise.all(paths.map(identityOf));
    if (now.some((identity, index) => identity !== null && identity !== before[index])) onNew();
    before = now;
  }
}

/** Null: it is not there, or this user may not see it. */
async function identityOf(path: string): Promise<string | null> {
  try {
    const { ino, birthtimeMs } = await stat(path);
    return `${ino} ${birthtimeMs}`;
  } catch {
    return null;
  }
}
