import '../../functions/silent.ts';
import type { APIGatewayProxyEvent } from 'aws-lambda';
import { expect, test } from 'vitest';
import { createWebhook } from '../../../functions/webhook.ts';
import { lambdaContext } from '../../functions/lambda-context.ts';
import { fleet, policy } from '../../render/fleet-samples.ts';

/** What a private API sends: payload 1.0, with headers as the client wrote them. */
const EVENT: Omit<APIGatewayProxyEvent, 'requestContext'> = {
  resource: '/watch/{service}',
  path: '/watch/my-cluster',
  httpMethod: 'POST',
  headers: { Authorization: 'Bearer a-token-of-sixteen-characters', 'X-Consul-Index': '42' },
  multiValueHeaders: {},
  queryStringParameters: null,
  multiValueQueryStringParameters: null,
  pathParameters: { service: 'my-cluster' },
  stageVariables: null,
  body: '[]\n',
  isBase64Encoded: false,
};

test('the webhook understands what a private API sends, as it does an HTTP API', async () => {
  const queued: unknown[] = [];
  const seen: unknown[] = [];
  const webhook = createWebhook(async () => ({
    fleets: [{ ...fleet(''), name: 'edge', backends: [policy({ service: 'my-cluster' })] }],
    isAuthorized: async (authorization) => {
      seen.push(authorization);
      return true;
    },
    queue: {
      send: async (messages) => {
        queued.push(...messages);
        return messages.map((message) => ({ message, messageId: '1', deduplicationId: '1' }));
      },
    },
    now: () => 1,
  }));
  const answer = await webhook(JSON.parse(JSON.stringify(EVENT)), lambdaContext());
  expect(answer.statusCode).toBe(202);
  expect(seen).toEqual(['Bearer a-token-of-sixteen-characters']);
  expect(queued).toMatchObject([{ kind: 'changed', fleet: 'edge', service: 'my-cluster', index: '42' }]);
});
