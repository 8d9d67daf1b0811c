import { LONGEST_SHOWN } from '../model/limits.ts';
import { printable } from '../model/printable.ts';
import { cureFor } from './cure.ts';

/**
 * A stored object is not what Hitless writes there: damaged, written by hand, or by a newer version. Reading it
 * again will not help; the message says what will.
 */
export class DocumentInvalid extends Error {
  override readonly name = 'DocumentInvalid';
  readonly code = 'STORE_DOCUMENT_INVALID';
  readonly key: string;
  /** Where in the document: `backends.web.slots.3.port`; empty: the document as a whole. */
  readonly path: string;
  readonly reason: string;

  constructor(key: string, path: string, reason: string) {
    const at = printable(path, LONGEST_SHOWN.line);
    const why = printable(reason, LONGEST_SHOWN.reply);
    // What another release wrote is not damaged: nobody should delete it.
    const cure = path === 'version' ? undefined : cureFor(key);
    super(`${key}${at === '' ? '' : ` at ${at}`}: ${why}${cure === undefined ? '' : `; ${cure}`}`);
    this.key = key;
    this.path = at;
    this.reason = why;
  }
}
