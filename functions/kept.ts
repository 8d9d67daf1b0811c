/** A value from elsewhere that may change there: kept for a while, then read anew, and never given up for nothing. */

export interface KeepOptions {
  /** How old a value gets before it is read anew. */
  readonly maxAgeMs: number;
  /** After a failure, how long nothing is read. */
  readonly retryMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Told when a value could not be read anew and the former one is used on. */
  readonly onStale: (error: unknown) => void;
}

/**
 * Several that ask at once get the same reading. A value that cannot be read anew stays in use until it can: who
 * rotates a secret must not depend on the store of secrets being there all the time.
 *
 * However often it is asked, `read` is called at most once in `maxAgeMs`, and once in `retryMs` while it fails: until
 * then those who have no value yet get the same error again. So nobody can make it read by asking.
 */
export function kept<T>(read: () => Promise<T>, options: KeepOptions): () => Promise<T> {
  const { maxAgeMs, retryMs, now, onStale } = options;
  let last: { readonly value: T } | { readonly error: unknown } | undefined;
  let readAgainMs = 0;
  let reading: Promise<void> | undefined;

  const readAnew = async (): Promise<void> => {
    try {
      last = { value: await read() };
      readAgainMs = now() + maxAgeMs;
    } catch (error) {
      if (last !== undefined && 'value' in last) onStale(error);
      else last = { error };
      readAgainMs = now() + retryMs;
    } finally {
      reading = undefined;
    }
  };

  return async () => {
    if (last === undefined || now() >= readAgainMs) {
      reading ??= readAnew();
      await reading;
    }
    if (last !== undefined && 'value' in last) return last.value;
    throw last?.error;
  };
}
