/** Why this process may not use a directory store, and what to do: sentences for an operator instead of EACCES. */

import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { groupName, userName } from '../files/owner-names.ts';

/** What the system says to somebody who may not. */
const REFUSALS = new Set(['EACCES', 'EPERM']);

/** The error with what to do, where the system refused this user something; any other error as it is. */
export function withReason(error: unknown, folder: string): unknown {
  if (!REFUSALS.has(codeOf(error)) || !(error instanceof Error)) return error;
  const path = 'path' in error && typeof error.path === 'string' ? error.path : folder;
  return new Error(`${error.message}; ${whatToDo(path, folder)}`, { cause: error });
}

/**
 * Looks whether a pass of this user could read and write all that it has to; changes nothing. Objects are replaced by
 * renames, so it is the folders that must be writable; a lock can be taken by whoever may read its file.
 *
 * @returns sentences, empty when nothing is in the way.
 */
export function storeObstacles(folder: string, fleet: string): Promise<readonly string[]> {
  const own = join(folder, 'fleets', fleet);
  const folders = [folder, join(folder, '.locks'), join(folder, 'fleets'), own, ...foldersIn(own)];
  const locks = entriesOf(join(folder, '.locks'), (entry) => entry.isFile() && !entry.name.endsWith('.tmp'));
  const writable = constants.R_OK | constants.W_OK | constants.X_OK;
  const refused = [
    ...folders.map((path) => ({ path, code: refusal(path, writable) })),
    ...[...locks, ...filesIn(own)].map((path) => ({ path, code: refusal(path, constants.R_OK) })),
  ].filter(({ code }) => code !== null);
  const [first] = refused;
  if (first === undefined) return Promise.resolve([]);
  const { path, code } = first;
  const more = refused.length === 1 ? '' : ` (and ${refused.length - 1} more)`;
  const why = code === 'EROFS' ? 'its file system is mounted read-only' : whatToDo(path, folder);
  return Promise.resolve([`the store ${folder}: ${path}${more} is refused; ${why}`]);
}

/** Those that a pass writes into. Of the generations, only new ones are written. */
function foldersIn(fleet: string): string[] {
  const groups = entriesOf(fleet, (entry) => entry.isDirectory());
  return [...groups, ...entriesOf(join(fleet, 'instances'), (entry) => entry.isDirectory())];
}

function filesIn(fleet: string): string[] {
  const folders = [fleet, join(fleet, 'shards')];
  return folders.flatMap((path) => entriesOf(path, (entry) => entry.isFile()));
}

type Entry = ReturnType<typeof direntsOf>[number];

function direntsOf(path: string) {
  return readdirSync(path, { withFileTypes: true });
}

/** Nothing where the folder is not there yet, or may not be read: that is told of the folder itself. */
function entriesOf(path: string, wanted: (entry: Entry) => boolean): string[] {
  try {
    return direntsOf(path)
      .filter(wanted)
      .map(({ name }) => join(path, name));
  } catch {
    return [];
  }
}

/** Null: nothing is in the way. What is not there yet must be possible to create; what is no folder, its reader says. */
function refusal(path: string, mode: number): string | null {
  try {
    if ((mode & constants.X_OK) !== 0 && !statSync(path).isDirectory()) return null;
    accessSync(path, mode);
    return null;
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'ENOENT') return REFUSALS.has(code) || code === 'EROFS' ? code : null;
    return dirname(path) === path ? null : refusal(dirname(path), constants.W_OK | constants.X_OK);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Who owns the store's folder is meant to use it; what another one left in it is to be given to him. */
function whatToDo(path: string, folder: string): string {
  const owner = ownerOf(folder) ?? ownerOf(nearest(folder));
  const own = process.geteuid?.();
  if (owner === null || own === undefined) return 'look at the owner and the permissions of the store';
  const [name, user] = [userName(owner.uid), userName(own)];
  if (own !== owner.uid) {
    return `it belongs to user ${name}, and this process runs as ${user}: run hitless as ${name} (\`sudo -u ${name} hitless …\`), or give the store to ${user} (\`chown -R ${user}: ${folder}\`)`;
  }
  const found = ownerOf(nearest(path));
  const whose = found === null ? '' : `${nearest(path)} belongs to ${words(found)}: `;
  return `${whose}another user wrote to the store of ${name}; \`chown -R ${name}: ${folder}\` as root mends it, and every hitless must run as ${name}`;
}

function words({ uid, gid }: { readonly uid: number; readonly gid: number }): string {
  return `${userName(uid)}:${groupName(gid)}`;
}

/** The path, or the folder above it that is there. */
function nearest(path: string): string {
  return ownerOf(path) !== null || dirname(path) === path ? path : nearest(dirname(path));
}

function ownerOf(path: string): { readonly uid: number; readonly gid: number } | null {
  try {
    const { uid, gid } = statSync(path);
    return { uid, gid };
  } catch {
    return null;
  }
}
