/**
 * A process of its own that writes to a directory store:
 * `increment FOLDER KEY TIMES`, or `rewrite FOLDER KEY` (whole objects of one letter, until it is killed; it says
 * when the first is written), or `turns FOLDER FLEET TIMES` (adds 1 to the number in `FOLDER/count` in each of so many
 * turns, with nothing but the turn to protect it), or `hold FOLDER FLEET` (says when it has the turn, and keeps it).
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDirectoryStore } from '../../lib/store/directory-store.ts';
import { increment } from './increment.ts';

const [, , task, folder = '', key = '', times = '0'] = process.argv;
const store = createDirectoryStore(folder);

if (task === 'increment') await increment(store, key, Number(times));

while (task === 'rewrite') {
  const read = await store.get(key);
  const letter = read?.body.startsWith('a') === true ? 'b' : 'a';
  await store.putIf(key, letter.repeat(500_000), read?.etag ?? null);
  process.stdout.write('written\n');
}

const turn = () =>
  store.takeTurn?.(key, { onWaiting: (holder) => process.stdout.write(`waits for ${holder}\n`) });

for (let done = 0; task === 'turns' && done < Number(times); done += 1) {
  const mine = await turn();
  const count = Number(readFileSync(join(folder, 'count'), 'utf8'));
  await sleep(1);
  writeFileSync(join(folder, 'count'), String(count + 1));
  await mine?.end();
}

if (task === 'hold') {
  await turn();
  process.stdout.write('has it\n');
  await sleep(2 ** 30);
}
