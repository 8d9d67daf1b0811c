/** The object store port: what Hitless asks of S3, and of a directory in its place. */

export interface StoredObject {
  readonly body: string;
  /** Opaque; equal for equal content at the same key. */
  readonly etag: string;
}

export interface ObjectStore {
  /** The object, or null when there is none. Throws `StoreFailed` when that could not be found out. */
  get(key: string): Promise<StoredObject | null>;

  /** Replaces the whole object, atomically for readers. Throws `StoreFailed`. */
  put(key: string, body: string): Promise<void>;

  /**
   * Replaces the object only if it still is what the caller read.
   *
   * @param expected the ETag that was read, or null: the object must not exist yet.
   * @returns the new ETag, or `lost-race` when somebody else was faster; then nothing was written.
   * Throws `StoreFailed`; whether the object was written is then unknown.
   */
  putIf(key: string, body: string, expected: string | null): Promise<{ readonly etag: string } | 'lost-race'>;
}

/** The store could not be asked, or answered something unexpected. Trying again later can help. */
export class StoreFailed extends Error {
  override readonly name = 'StoreFailed';
  readonly code = 'STORE_FAILED';
  readonly operation: 'get' | 'put';
  /** With the bucket or folder, as a person would look for it. */
  readonly location: string;

  constructor(operation: 'get' | 'put', location: string, cause: unknown) {
    super(`cannot ${operation} ${location}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
    this.operation = operation;
    this.location = location;
  }
}
