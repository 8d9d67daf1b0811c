/** The name of an instance, out of what Consul calls its registration. */

import { createHash } from 'node:crypto';

/** No `_` and no two `-` in a row: joined by `--` such names can be told apart again. */
const PLAIN = /^[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*$/;
/** `isKeyName` takes 128 characters; this leaves room for the digest. */
const LONGEST = 100;
const DIGEST_LENGTH = 12;

/**
 * The node's name where the service has its own name for an id, as it has by default; otherwise `NODE--ID`. What a
 * key name cannot have becomes `-`, and then a digest of both names is at the end, after `_`: so two registrations have
 * two names, however odd theirs are.
 *
 * @param node any string, as is `id`; together they are one registration's own.
 */
export function registrationName(node: string, id: string, service: string): string {
  const parts = id === service ? [node] : [node, id];
  const name = parts.join('--');
  if (name.length <= LONGEST && parts.every((part) => PLAIN.test(part))) return name;
  const readable = name
    .replace(/[^A-Za-z0-9]+/g, '-')
    .slice(0, LONGEST)
    .replace(/^-|-$/g, '');
  const digest = createHash('sha256')
    .update(JSON.stringify([node, id]))
    .digest('hex');
  return `${readable === '' ? 'instance' : readable}_${digest.slice(0, DIGEST_LENGTH)}`;
}
