/** What all stored documents have in common: JSON with a version, read through a schema. */

import * as v from 'valibot';
import { DocumentInvalid } from './document-invalid.ts';

/** The version of every document so far. */
export const VERSION = 1;

/**
 * Reads a document. Fields that the schema does not have are left out.
 *
 * @param key where it was found, for the error.
 * @throws DocumentInvalid
 */
export function decodeDocument<T>(key: string, body: string, schema: v.GenericSchema<unknown, T>): T {
  return checkDocument(key, parseJson(key, body), schema);
}

/** As `decodeDocument`, for what is not text yet or any more. */
export function checkDocument<T>(key: string, document: unknown, schema: v.GenericSchema<unknown, T>): T {
  const version = versionOf(document);
  if (typeof version === 'number' && version !== VERSION) {
    const reason = `has version ${version}, this Hitless reads version ${VERSION}: it was written by another release`;
    throw new DocumentInvalid(key, 'version', reason);
  }
  const checked = v.safeParse(schema, document, { abortEarly: true });
  if (checked.success) return checked.output;
  const [issue] = checked.issues;
  throw new DocumentInvalid(key, v.getDotPath(issue) ?? '', issue.message);
}

function parseJson(key: string, body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new DocumentInvalid(
      key,
      '',
      `is not JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function versionOf(document: unknown): unknown {
  return typeof document === 'object' && document !== null && 'version' in document
    ? document.version
    : undefined;
}
