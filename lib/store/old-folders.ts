/** Removing the oldest of numbered folders, as S3's lifecycle does with generations. */

import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

const DAY_MS = 24 * 60 * 60_000;

/** Nothing where there is no such folder. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/**
 * Removes folders called by a number, the oldest first, when the next one is `days` old: for so long it was the newest
 * no more; younger ones, too, when there are more than `keep`. The newest one stays, whatever its age. Who is killed in between leaves a folder without some of its files,
 * which the next one removes. Two at once do no harm.
 *
 * @param most so many at most.
 */
export async function removeOld(
  folder: string,
  { days, keep, most }: { readonly days: number; readonly keep: number; readonly most: number },
): Promise<void> {
  const beforeMs = Date.now() - days * DAY_MS;
  const names = await namesIn(folder);
  const numbers = names
    .filter((name) => /^[1-9]\d*$/.test(name))
    .sort((one, other) => Number(one) - Number(other));
  for (const [index, number] of numbers.slice(0, most).entries()) {
    const next = numbers[index + 1];
    if (next === undefined) return;
    const isSurplus = numbers.length - index > keep;
    if (!isSurplus && (await bornMs(join(folder, next))) >= beforeMs) return;
    await rm(join(folder, number), { recursive: true, force: true });
  }
}

/** When its oldest file was written; files here are written once. An empty folder's is its own. */
async function bornMs(folder: string): Promise<number> {
  const files = (await namesIn(folder)).map((name) => join(folder, name));
  const times = await Promise.all((files.length === 0 ? [folder] : files).map(mtimeMs));
  return Math.min(...times);
}

async function mtimeMs(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (isGone(error)) return 0;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
