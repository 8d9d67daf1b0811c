/** Where V8's code of the program is kept between two runs: see start.ts. Whatever goes wrong here, the program runs. */

import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Script } from 'node:vm';

const DIGEST_BYTES = 32;
const WRITABLE_BY_OTHERS = 0o022;

/** @param digest of the program. @returns undefined where there is none that can be trusted. */
export function keptCode(digest: string): Buffer | undefined {
  const place = placeOf(digest);
  if (place === undefined) return undefined;
  try {
    const file = openSync(place.path, 'r');
    try {
      const { uid, mode } = fstatSync(file);
      if (uid !== place.uid || (mode & WRITABLE_BY_OTHERS) !== 0) return undefined;
      const bytes = readFileSync(file);
      const code = bytes.subarray(DIGEST_BYTES);
      return bytes.subarray(0, DIGEST_BYTES).equals(digestOf(place.name, code)) ? code : undefined;
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}

/** Keeps the code that V8 has by now: what was used of the program. What other versions of Hitless kept goes. */
export function keepCode(digest: string, script: Script): void {
  const place = placeOf(digest);
  if (place === undefined) return;
  const { folder, name, path, uid } = place;
  const unfinished = `${path}.${process.pid}`;
  try {
    makeFolder(dirname(folder));
    makeFolder(folder);
    const { uid: owner, mode } = statSync(folder);
    if (owner !== uid || (mode & WRITABLE_BY_OTHERS) !== 0) return;
    const code = script.createCachedData();
    writeFileSync(unfinished, Buffer.concat([digestOf(name, code), code]), { flag: 'wx', mode: 0o600 });
    renameSync(unfinished, path);
    for (const other of readdirSync(folder)) {
      if (/^code-/.test(other) && other.indexOf(`code-${digest}-`) !== 0) rmSync(join(folder, other));
    }
  } catch {
    // A disk that is full, a home that is read-only, or another one that was faster.
    try {
      rmSync(unfinished, { force: true });
    } catch {
      return;
    }
  }
}

/** Not `recursive`: where a folder refuses with ENOENT, as /proc does, Node.js would try for ever (20 and 24). */
function makeFolder(path: string): void {
  if (!existsSync(path)) mkdirSync(path, { mode: 0o700 });
}

interface Place {
  readonly folder: string;
  readonly name: string;
  readonly path: string;
  readonly uid: number;
}

/** One for each command, for each uses another part of the program. */
function placeOf(digest: string): Place | undefined {
  const { NODE_DISABLE_COMPILE_CACHE: off, XDG_CACHE_HOME: cache } = process.env;
  if ((off !== undefined && off !== '') || process.getuid === undefined) return undefined;
  const words = process.argv.slice(2).filter((word) => /^[a-z][a-z-]{1,20}$/.test(word));
  const name = `code-${digest}-${process.version}-${process.arch}-${words[0] || 'none'}`;
  try {
    const folder = join(cache !== undefined && cache !== '' ? cache : join(homedir(), '.cache'), 'hitless');
    return { folder, name, path: join(folder, name), uid: process.getuid() };
  } catch {
    // A user without a home.
    return undefined;
  }
}

function digestOf(name: string, code: Buffer): Buffer {
  return createHash('sha256').update(name).update(code).digest();
}
