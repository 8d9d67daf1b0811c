/** What all stored documents have in common: JSON with a version, read through a schema. */

import * as v from 'valibot';
import { fleetOf } from './cure.ts';
import { DocumentInvalid } from './document-invalid.ts';

/** The version of every document so far. */
export const VERSION = 1;

/**
 * Reads a document. Fields that the schema does not have are left out.
 *
 * @param key where it was found. A document that names another fleet than its key is refused: it was copied there, and
 *   a table of another fleet would move every server of this one.
 * @throws DocumentInvalid
 */
export function decodeDocument<T>(key: string, body: string, schema: v.GenericSchema<unknown, T>): T {
  const document = parseJson(key, body);
  const checked = checkDocument(key, document, schema);
  const [own, named] = [fleetOf(key), fieldOf(document, 'fleet')];
  if (own !== undefined && typeof named === 'string' && named !== own) {
    throw new DocumentInvalid(key, 'fleet', `is a document of fleet ${named}, not of ${own}`);
  }
  return checked;
}

/** As `decodeDocument`, for what is not text yet or any more. */
export function checkDocument<T>(key: string, document: unknown, schema: v.GenericSchema<unknown, T>): T {
  const version = fieldOf(document, 'version');
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

function fieldOf(document: unknown, name: string): unknown {
  if (typeof document !== 'object' || document === null || !Object.hasOwn(document, name)) return undefined;
  return Reflect.get(document, name);
}
