/** Whom a request came from, for the log: which agent has the old token, or which stranger tries. */

import * as v from 'valibot';

const ip = v.object({ sourceIp: v.string() });
const event = v.object({
  requestContext: v.union([v.object({ http: ip }), v.object({ identity: ip })]),
});

/**
 * As API Gateway saw it, so not what the sender says of itself: an HTTP API has it in `http`, a private REST API in
 * `identity`. Null: in neither.
 */
export function sourceIpOf(received: unknown): string | null {
  const parsed = v.safeParse(event, received);
  if (!parsed.success) return null;
  const { requestContext } = parsed.output;
  return 'http' in requestContext ? requestContext.http.sourceIp : requestContext.identity.sourceIp;
}
