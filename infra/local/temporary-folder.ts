/** A folder of its own for each thing that is started, gone when that thing is stopped or this process ends. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atExit } from './at-exit.ts';

export interface TemporaryFolder {
  readonly path: string;
  /** Deletes the folder with all that is in it; a second call does nothing. */
  remove(): void;
}

/**
 * @param name goes into the folder's name, so that a forgotten one says whose it was; keep it short, because
 *   the path of a unix socket in the folder may have at most 107 bytes.
 */
export function temporaryFolder(name: string): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), `hitless-${name}-`));
  // A server that was killed this moment may still write: then the folder is not empty yet, and tried again.
  const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
  const forget = atExit(remove);
  return {
    path,
    remove() {
      forget();
      remove();
    },
  };
}
