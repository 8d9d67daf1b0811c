/** What comes on standard input is read up to a limit, and for a while. */

import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { readWatchBody, WatchBodyUnusable } from '../../lib/cli/watch-body.ts';

test('a body without an end is given up at 64 MiB', async () => {
  const piece = Buffer.alloc(1024 * 1024, '[');
  let pieces = 0;
  const input = new Readable({
    read() {
      pieces += 1;
      this.push(piece);
    },
  });
  const refusal = await readWatchBody(input).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(WatchBodyUnusable);
  expect(String(refusal)).toContain('standard input has more than 64MiB');
  expect(pieces).toBeLessThan(70);
});

test('an answer without endpoints is one', async () => {
  expect(await readWatchBody(Readable.from(['[', ']']))).toEqual([]);
});
