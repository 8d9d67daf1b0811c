/**
 * Which process holds a lock: it writes so into the lock's file. (`/proc/locks` has the program `flock`, which took it
 * for us and has ended.)
 *
 * Written is the process and when it began, so that nobody takes a later process of the same number for it. Only Linux
 * tells when a process began (`/proc/PID/stat`, proc(5)); elsewhere nobody knows the holder.
 */

import { readFileSync, statSync } from 'node:fs';
import { type FileHandle, readFile } from 'node:fs/promises';
import { userName } from '../files/owner-names.ts';

export interface LockHolder {
  readonly pid: number;
  /** Stopped by a signal: it goes on by `kill -CONT`. */
  readonly stopped: boolean;
  /** `process 4711 of user hitless`, for a message. */
  readonly words: string;
}

/** Never throws: a file that we may only read, as another user's, names nobody or a process that has ended. */
export async function writeHolder(file: FileHandle): Promise<void> {
  try {
    const began = statOf(process.pid)?.began;
    await file.truncate(0);
    if (began !== undefined) await file.write(`${process.pid} ${began}\n`, 0);
  } catch {
    // The lock is as good without.
  }
}

/** Null: nobody has it any more, or it cannot be found out. Never throws. */
export async function readHolder(path: string): Promise<LockHolder | null> {
  try {
    const [, number = '', began = ''] = /^(\d{1,10}) (\d+)\n$/.exec(await readFile(path, 'utf8')) ?? [];
    const pid = Number(number);
    const stat = statOf(pid);
    if (stat === null || stat.began !== began) return null;
    const stopped = stat.state === 'T';
    const words = `process ${pid} of user ${userName(statSync(`/proc/${pid}`).uid)}`;
    return { pid, stopped, words: stopped ? `${words}, which is stopped,` : words };
  } catch {
    return null;
  }
}

/** The third and the 22nd field; the second one, in parentheses, may have any character in it. */
function statOf(pid: number): { readonly state: string; readonly began: string } | null {
  try {
    const [state, ...fields] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    const began = fields[18];
    return state === undefined || began === undefined ? null : { state, began };
  } catch {
    return null;
  }
}
