/** Whether a request carries one of the webhook's tokens: `Authorization: Bearer TOKEN` (RFC 6750). */

import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * A check for the value of an `authorization` header. The scheme may be in any case, the token must match exactly.
 *
 * @param tokens those that are valid now: one, or two while they are being rotated. Digests are compared, and every
 *   one of them, so the time taken says neither how much of a token was right nor which one it was.
 */
export function bearerCheck(tokens: readonly string[]): (authorization: string | undefined) => boolean {
  const valid = tokens.map(digest);
  return (authorization) => {
    const token = /^Bearer +([^ ]+) *$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) return false;
    const given = digest(token);
    return valid.map((one) => timingSafeEqual(one, given)).includes(true);
  };
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
