/**
 * Stands in for lib/store/directory-store.ts in the bundles: a function's folder is another one in each sandbox and soon
 * gone, so no store can be there. (The store and its lock are 8 kB.)
 */

/** @throws Error always: what to write into hitless.yml. */
export function createDirectoryStore(path: string): never {
  throw new Error(
    `store: file:${path} is for one machine; functions keep a fleet in store: s3://BUCKET/PREFIX`,
  );
}
