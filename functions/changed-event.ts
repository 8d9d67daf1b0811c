/** From an HTTP request to what a Consul watch had to say, or to the refusal that tells its sender what to change. */

import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { NotHealthEntries, parseHealthEntries, withoutNames } from '../lib/consul/health-entries.ts';
import { LARGEST_WATCH_BODY_BYTES } from '../lib/model/limits.ts';
import type { ServiceEntry } from '../lib/model/service-entry.ts';
import { HttpRefusal } from './http-refusal.ts';
import { otherWatchType } from './watch-type.ts';

const WATCH_HINT = 'configure a Consul watch of type "service" for this URL';

export interface WatchBody {
  /** `X-Consul-Index` as it came (an unsigned 64-bit number, so never a JavaScript number); null: none, or no index. */
  readonly index: string | null;
  readonly entries: readonly ServiceEntry[];
}

/**
 * @param event headers in lower case.
 * @throws HttpRefusal 413 for a body over 5 MiB (after base64 decoding), 422 for one that a watch of type `service`
 *   does not send.
 */
export function readWatchBody(event: APIGatewayProxyEventV2): WatchBody {
  const bytes = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
  if (bytes.length > LARGEST_WATCH_BODY_BYTES.webhook) {
    throw new HttpRefusal(
      413,
      'BODY_TOO_LARGE',
      `the body has ${bytes.length} bytes, ${LARGEST_WATCH_BODY_BYTES.webhook} at most are read; the scheduled reconcile reads this service from Consul itself`,
    );
  }
  const entries = readEntries(parseJson(bytes));
  const index = event.headers['x-consul-index'] ?? '';
  return { index: /^\d{1,20}$/.test(index) ? index : null, entries };
}

function parseJson(bytes: Buffer): unknown {
  if (bytes.length === 0) throw new HttpRefusal(422, 'NOT_JSON', `the body is empty; ${WATCH_HINT}`);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new HttpRefusal(422, 'NOT_JSON', `the body is not JSON in UTF-8; ${WATCH_HINT}`, { cause });
  }
}

function readEntries(data: unknown): readonly ServiceEntry[] {
  try {
    return parseHealthEntries(data).map(withoutNames);
  } catch (cause) {
    if (!(cause instanceof NotHealthEntries)) throw cause;
    const type = otherWatchType(data);
    const looks = type === null ? '' : `; it looks like the body of a watch of type "${type}"`;
    throw new HttpRefusal(422, 'NOT_A_SERVICE_WATCH', `${cause.message}${looks}; ${WATCH_HINT}`, { cause });
  }
}
