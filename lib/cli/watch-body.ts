/** The body that a Consul watch of type `service` hands to its program on standard input. */

import { addAbortSignal, type Readable } from 'node:stream';
import { parseHealthEntries } from '../consul/health-entries.ts';
import { LARGEST_WATCH_BODY_BYTES, sizeText } from '../model/limits.ts';
import type { ServiceEntry } from '../model/service-entry.ts';

/** Consul writes the body at once and closes; somebody who keeps the pipe open must not stop the sync. */
const PATIENCE_MS = 10_000;

/** What was on standard input is no use; a sync goes on without it. */
export class WatchBodyUnusable extends Error {
  override readonly name = 'WatchBodyUnusable';
  readonly code = 'CLI_WATCH_BODY_UNUSABLE';
}

/**
 * Reads the body to its end.
 *
 * @throws WatchBodyUnusable when the input is a terminal, not at its end after ten seconds, larger than 64 MiB, or no
 *   JSON.
 * @throws NotHealthEntries when it is JSON of another kind.
 */
export async function readWatchBody(
  input: Readable & { readonly isTTY?: boolean },
): Promise<readonly ServiceEntry[]> {
  if (input.isTTY === true)
    throw new WatchBodyUnusable('standard input is a terminal, not the body of a Consul watch');
  addAbortSignal(AbortSignal.timeout(PATIENCE_MS), input);
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of input) {
      const piece = Buffer.from(chunk);
      bytes += piece.length;
      if (bytes > LARGEST_WATCH_BODY_BYTES.input) {
        const most = sizeText(LARGEST_WATCH_BODY_BYTES.input);
        throw new WatchBodyUnusable(`standard input has more than ${most}`);
      }
      chunks.push(piece);
    }
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') {
      throw new WatchBodyUnusable(`standard input did not end within ${PATIENCE_MS / 1_000} s`, {
        cause: error,
      });
    }
    throw error;
  }
  return parseHealthEntries(jsonOf(Buffer.concat(chunks).toString()));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new WatchBodyUnusable(
      text === '' ? 'standard input is empty' : `standard input is not JSON: ${words}`,
    );
  }
}
