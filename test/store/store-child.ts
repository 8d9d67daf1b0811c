/**
 * A process of its own that writes to a directory store:
 * `increment FOLDER KEY TIMES`, or `rewrite FOLDER KEY` (whole objects of one letter, until it is killed; it says
 * when the first is written).
 */

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
