/** What API Gateway's HTTP API makes of a function's answer (payload format 2.0). */

import type { OutgoingHttpHeaders } from 'node:http';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

/** The gateway's own answers: `{"message": …}`. */
export function gatewayAnswer(status: number, message: string): HttpAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify({ message })),
  };
}

/**
 * A value without `statusCode` becomes the body of a 200 with the type application/json, a string as it is, anything
 * else as JSON. With `statusCode` it is `{statusCode, headers, body, isBase64Encoded, cookies}`; one that is not made
 * like that gets the gateway's 500.
 */
export function httpAnswer(payload: unknown): HttpAnswer {
  if (typeof payload !== 'object' || payload === null || !('statusCode' in payload))
    return plainAnswer(payload);
  const status = Number(payload.statusCode);
  if (!Number.isInteger(status) || status < 100 || status > 599) return malformed();
  const body = 'body' in payload ? (payload.body ?? '') : '';
  if (typeof body !== 'string') return malformed();
  const base64 = 'isBase64Encoded' in payload && payload.isBase64Encoded === true;
  return { status, headers: headersOf(payload), body: Buffer.from(body, base64 ? 'base64' : 'utf8') };
}

function plainAnswer(payload: unknown): HttpAnswer {
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
  return { status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from(text) };
}

function headersOf(payload: object): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { 'content-type': 'text/plain;charset=UTF-8' };
  if ('headers' in payload && typeof payload.headers === 'object') {
    for (const [name, value] of Object.entries(payload.headers ?? {}))
      headers[name.toLowerCase()] = String(value);
  }
  if ('cookies' in payload && Array.isArray(payload.cookies))
    headers['set-cookie'] = payload.cookies.map(String);
  return headers;
}

function malformed(): HttpAnswer {
  return gatewayAnswer(500, 'Internal Server Error');
}
