/**
 * An HTTP request as API Gateway's HTTP API hands it to a function: payload format 2.0.
 *
 * Source: AWS, "Create AWS Lambda proxy integrations for HTTP APIs"; that `rawPath` and `pathParameters` arrive
 * URL-decoded (unlike REST APIs and function URLs) is from captures of live gateways, published with
 * middleapi/standard-server#93 and aws/aws-lambda-dotnet#1901.
 */

import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { LOCAL_ACCOUNT } from './invocation.ts';

const TEXT_TYPE =
  /^(?:text\/|application\/(?:[\w.+-]+\+)?(?:json|xml|javascript)\b|application\/x-www-form-urlencoded\b)/i;

/** The parts of a request that matching a route already found out. */
export interface MatchedRequest {
  /** `POST /watch/{service}` */
  readonly routeKey: string;
  /** Decoded. */
  readonly path: string;
  /** Without the question mark; may be empty. */
  readonly query: string;
  /** Decoded. */
  readonly pathParameters: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Builds the event. Repeated headers and query parameters are joined with commas; cookies have a list of their own. */
export function httpEvent(request: IncomingMessage, matched: MatchedRequest): APIGatewayProxyEventV2 {
  const { headers, cookies } = collectHeaders(request);
  const query = queryParameters(matched.query);
  const host = headers.host ?? 'localhost';
  const now = new Date();
  return {
    version: '2.0',
    routeKey: matched.routeKey,
    rawPath: matched.path,
    rawQueryString: matched.query,
    ...(cookies.length > 0 && { cookies }),
    headers: { ...headers, 'x-forwarded-for': sourceIp(request), 'x-forwarded-proto': 'http' },
    ...(Object.keys(query).length > 0 && { queryStringParameters: query }),
    requestContext: {
      accountId: LOCAL_ACCOUNT,
      apiId: 'local',
      domainName: host,
      domainPrefix: host.split('.')[0] ?? host,
      http: {
        method: request.method ?? 'GET',
        path: matched.path,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: sourceIp(request),
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: randomUUID(),
      routeKey: matched.routeKey,
      stage: '$default',
      time: commonLogTime(now),
      timeEpoch: now.getTime(),
    },
    ...(Object.keys(matched.pathParameters).length > 0 && { pathParameters: { ...matched.pathParameters } }),
    ...bodyOf(matched.body, headers['content-type']),
  };
}

function collectHeaders(request: IncomingMessage): { headers: Record<string, string>; cookies: string[] } {
  const headers: Record<string, string> = {};
  const cookies: string[] = [];
  for (const [name, values] of Object.entries(request.headersDistinct)) {
    if (name === 'cookie') cookies.push(...(values ?? []).flatMap((value) => value.split(/; */)));
    else headers[name] = (values ?? []).join(',');
  }
  return { headers, cookies };
}

function queryParameters(query: string): Record<string, string> {
  const parameters: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(query)) {
    const earlier = Object.hasOwn(parameters, name) ? `${parameters[name]},` : '';
    parameters[name] = `${earlier}${value}`;
  }
  return parameters;
}

/** Bodies of text types are text, all others (and those without a type) base64. An empty body is left out. */
function bodyOf(body: Buffer, type = ''): { body?: string; isBase64Encoded: boolean } {
  if (body.length === 0) return { isBase64Encoded: false };
  const isBase64Encoded = !TEXT_TYPE.test(type);
  return { body: body.toString(isBase64Encoded ? 'base64' : 'utf8'), isBase64Encoded };
}

function sourceIp(request: IncomingMessage): string {
  return request.socket.remoteAddress ?? '127.0.0.1';
}

/** `12/Mar/2026:19:03:58 +0000` */
function commonLogTime(date: Date): string {
  const [, day, month, year, time] = date.toUTCString().split(' ');
  return `${day}/${month}/${year}:${time} +0000`;
}
