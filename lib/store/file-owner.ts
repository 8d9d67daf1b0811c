/**
 * Whose the files of a directory store are.
 *
 * One user owns a store. Others may share it through a group (setgid folders, umask 002). What root writes into the
 * store of somebody else belongs to that one, as the folder does: one `sudo hitless sync` must not leave files that
 * the fleet's own user can never write again.
 */

import { statSync } from 'node:fs';
import { type FileHandle, lchown, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** To whom new files at `folder` are to be given; null: they are as they should be already. */
export function ownerToBe(folder: string): Owner | null {
  if (process.getuid?.() !== 0) return null;
  try {
    const { uid, gid } = statSync(folder);
    return uid === 0 ? null : { uid, gid };
  } catch {
    return null;
  }
}

/** As `mkdir -p`; what it creates is the owner's. */
export async function makeFolder(path: string, owner: Owner | null): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined || owner === null) return;
  for (let at = path; at.length >= first.length; at = dirname(at)) await lchown(at, owner.uid, owner.gid);
}

export async function giveTo(file: FileHandle, owner: Owner | null): Promise<void> {
  if (owner !== null) await file.chown(owner.uid, owner.gid);
}
