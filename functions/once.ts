/** Something that is made when it is first asked for, and kept as long as the sandbox lives. */

/** Several that ask at once get the same. A failure is not kept: the next one who asks tries again. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}
