/** An object store in memory that counts what it is asked for. */

import { createHash } from 'node:crypto';
import type { ObjectStore, StoredObject } from '../../lib/store/object-store.ts';

export interface StoreCounts {
  readonly gets: number;
  /** Plain and conditional ones, lost races too: all are billed. */
  readonly puts: number;
  readonly bytesPut: number;
}

export interface CountingStore extends ObjectStore {
  counts(): StoreCounts;
}

export function createMemoryStore(): CountingStore {
  const objects = new Map<string, StoredObject>();
  let gets = 0;
  let puts = 0;
  let bytesPut = 0;
  const write = (key: string, body: string): { readonly etag: string } => {
    const etag = createHash('md5').update(body).digest('hex');
    objects.set(key, { body, etag });
    return { etag };
  };
  const count = (body: string) => {
    puts += 1;
    bytesPut += Buffer.byteLength(body);
  };
  return {
    async get(key) {
      gets += 1;
      return objects.get(key) ?? null;
    },
    async put(key, body) {
      count(body);
      write(key, body);
    },
    async putIf(key, body, expected) {
      count(body);
      return (objects.get(key)?.etag ?? null) === expected ? write(key, body) : 'lost-race';
    },
    counts: () => ({ gets, puts, bytesPut }),
  };
}
