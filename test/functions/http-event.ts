/** A complete event of API Gateway, payload 2.0: a valid post of a Consul watch, but for what a test says. */

import type { APIGatewayProxyEventV2 } from 'aws-lambda';

export const TOKEN = 'a-token-of-sixteen-or-more-characters';

export interface Differences {
  readonly service?: string;
  /** Null: no such header. */
  readonly authorization?: string | null;
  readonly index?: string | null;
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
}

export function httpEvent({
  service = 'my-cluster',
  authorization = `Bearer ${TOKEN}`,
  index = '42',
  body = '[]\n',
  isBase64Encoded = false,
}: Differences = {}): APIGatewayProxyEventV2 {
  const path = `/watch/${service}`;
  return {
    version: '2.0',
    routeKey: 'POST /watch/{service}',
    rawPath: path,
    rawQueryString: '',
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Go-http-client/1.1',
      ...(authorization !== null && { authorization }),
      ...(index !== null && { 'x-consul-index': index }),
    },
    pathParameters: { service },
    requestContext: {
      accountId: '000000000000',
      apiId: 'test',
      domainName: 'api.test',
      domainPrefix: 'api',
      http: {
        method: 'POST',
        path,
        protocol: 'HTTP/1.1',
        sourceIp: '127.0.0.1',
        userAgent: 'Go-http-client/1.1',
      },
      requestId: 'request',
      routeKey: 'POST /watch/{service}',
      stage: '$default',
      time: '22/Nov/2026:15:00:00 +0000',
      timeEpoch: 1_795_359_600_000,
    },
    body,
    isBase64Encoded,
  };
}
