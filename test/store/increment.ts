import type { ObjectStore } from '../../lib/store/object-store.ts';

/** Adds 1 to the number at `key`, `times` times, against whoever does the same. */
export async function increment(store: ObjectStore, key: string, times: number): Promise<void> {
  for (let done = 0; done < times; ) {
    const read = await store.get(key);
    const next = String(Number(read?.body ?? 0) + 1);
    if ((await store.putIf(key, next, read?.etag ?? null)) !== 'lost-race') done += 1;
  }
}
