/**
 * Files that an operator names: templates, certificates and hitless.yml itself.
 *
 * What is none is refused at once: a name that leads to a device, a pipe or a huge file, by a mistake or because
 * somebody else may write there, must not make a pass wait or fill the memory.
 */

import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { sizeText } from '../model/limits.ts';

/** Without it, to open a pipe waits until somebody writes into it (open(2)). */
const WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK;
const PIECE_BYTES = 64 * 1024;
const PATIENCE_MS = 5_000;
const LOOK_AGAIN_MS = 10;

/**
 * The text of a file, in UTF-8.
 *
 * @throws Error that names the file: it is not there, may not be read, is a directory, a device, a pipe or a socket, or
 *   has more than `mostBytes`.
 */
export function readFile(path: string, mostBytes: number): string {
  return opened(path, (file, stats) => {
    if (!stats.isFile()) throw new Error(`${path} is ${kindOf(stats)}, not a file`);
    const text = new Growing(path, mostBytes);
    while (text.add(file) > 0);
    return text.toString();
  });
}

/**
 * As `readFile`, and what comes through a pipe, as from `<(…)` of a shell: until its end, and for five seconds.
 *
 * @throws also when nothing came out of the pipe for so long.
 */
export async function readFileOrPipe(path: string, mostBytes: number): Promise<string> {
  return opened(path, (file, stats) => {
    if (!stats.isFIFO()) return readFile(path, mostBytes);
    return readPipe(file, new Growing(path, mostBytes));
  });
}

/** Closed when `read` is done, or what it promises. */
function opened<T>(path: string, read: (file: number, stats: Stats) => T): T {
  const file = openSync(path, WITHOUT_WAITING);
  const close = () => closeSync(file);
  try {
    const result = read(file, fstatSync(file));
    if (!(result instanceof Promise)) close();
    else result.then(close, close);
    return result;
  } catch (error) {
    close();
    throw error;
  }
}

/** A pipe that nobody has opened to write says the same as one that is at its end; one that waits says EAGAIN. */
async function readPipe(file: number, text: Growing): Promise<string> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  let began = false;
  for (;;) {
    const bytes = pieceOf(file, text);
    if (bytes === 0 && began) return text.toString();
    if (bytes !== null && bytes > 0) began = true;
    else if (performance.now() > deadlineMs) throw new Error(`${text.path} is a pipe that nobody writes to`);
    else await sleep(LOOK_AGAIN_MS);
  }
}

/** Null: there is nothing yet. */
function pieceOf(file: number, text: Growing): number | null {
  try {
    return text.add(file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return null;
    throw error;
  }
}

/** What has been read so far. A file can be larger than its size says, as in /proc, and grow while it is read. */
class Growing {
  readonly path: string;
  readonly #mostBytes: number;
  readonly #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(path: string, mostBytes: number) {
    this.path = path;
    this.#mostBytes = mostBytes;
  }

  /** Bytes read; 0: it is at its end. */
  add(file: number): number {
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    const bytes = readSync(file, piece);
    this.#bytes += bytes;
    if (this.#bytes > this.#mostBytes) {
      throw new Error(`${this.path} has more than ${sizeText(this.#mostBytes)}, which is not read`);
    }
    if (bytes > 0) this.#pieces.push(piece.subarray(0, bytes));
    return bytes;
  }

  toString(): string {
    return Buffer.concat(this.#pieces).toString();
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isCharacterDevice() || stats.isBlockDevice()) return 'a device';
  return stats.isFIFO() ? 'a pipe' : 'no regular file';
}
