/**
 * A stored object is not what Hitless writes there: damaged, written by hand, or by a newer version. Reading it
 * again will not help.
 */
export class DocumentInvalid extends Error {
  override readonly name = 'DocumentInvalid';
  readonly code = 'STORE_DOCUMENT_INVALID';
  readonly key: string;
  /** Where in the document: `backends.web.slots.3.port`; empty: the document as a whole. */
  readonly path: string;
  readonly reason: string;

  constructor(key: string, path: string, reason: string) {
    super(`${key}${path === '' ? '' : ` at ${path}`}: ${reason}`);
    this.key = key;
    this.path = path;
    this.reason = reason;
  }
}
