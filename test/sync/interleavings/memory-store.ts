/** The object store of a case: in memory, with conditional writes and without turns, as S3 is. */

import { createHash } from 'node:crypto';
import type { ObjectStore } from '../../../lib/store/object-store.ts';

export interface MemoryStore extends ObjectStore {
  /** The same objects, for a pass that may be killed: then it is not answered any more, and nothing is written. */
  readonly seenBy: (isKilled: () => boolean) => ObjectStore;
  /** Null: there is no such object. */
  readonly read: (key: string) => string | null;
}

export function createMemoryStore(): MemoryStore {
  const objects = new Map<string, string>();
  const store: ObjectStore = {
    async get(key) {
      const body = objects.get(key);
      return body === undefined ? null : { body, etag: etagOf(body) };
    },
    async put(key, body) {
      objects.set(key, body);
    },
    async putIf(key, body, expected) {
      const present = objects.get(key);
      if ((present === undefined ? null : etagOf(present)) !== expected) return 'lost-race';
      objects.set(key, body);
      return { etag: etagOf(body) };
    },
  };
  return {
    ...store,
    read: (key) => objects.get(key) ?? null,
    seenBy: (isKilled) => {
      const unlessKilled = <T>(work: () => Promise<T>): Promise<T> =>
        isKilled() ? new Promise<T>(() => {}) : work();
      return {
        get: (key) => unlessKilled(() => store.get(key)),
        put: (key, body) => unlessKilled(() => store.put(key, body)),
        putIf: (key, body, expected) => unlessKilled(() => store.putIf(key, body, expected)),
      };
    },
  };
}

function etagOf(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}
