/** A store for work that has to end at a moment. */

import type { ObjectStore } from '../lib/store/object-store.ts';

/** At that moment requests under way are broken off; and later ones fail before they are sent. */
export function endingStore(store: ObjectStore, end: AbortSignal): ObjectStore {
  const { list } = store;
  return {
    ...store,
    ...(list !== undefined && { list: (folder) => list.call(store, folder, end) }),
    get: (key) => store.get(key, end),
    put: (key, body) => store.put(key, body, end),
    putIf: (key, body, expected) => store.putIf(key, body, expected, end),
  };
}
