/**
 * `POST /watch/{service}`: takes what a Consul watch posts and queues one message for each fleet that uses the service.
 *
 * It answers when the queue has them all (202) or did not take one (503): Consul never tries again (measured on
 * 1.8.7), so what is refused here heals with the next change of the service, or with the scheduled reconcile.
 */

import { MetricUnit } from '@aws-lambda-powertools/metrics';
import middy from '@middy/core';
import httpErrorHandler from '@middy/http-error-handler';
import httpHeaderNormalizer from '@middy/http-header-normalizer';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import type { Fleet } from '../lib/model/fleet.ts';
import type { ChangedMessage } from '../lib/queue/messages.ts';
import { QueueFailed } from '../lib/queue/queue-failed.ts';
import { readWatchBody } from './changed-event.ts';
import { errorDocument, HttpRefusal } from './http-refusal.ts';
import { once } from './once.ts';
import type { OnStale } from './secrets.ts';
import { sourceIpOf } from './source-ip.ts';
import { createTelemetry, logStale } from './telemetry.ts';
import { type WebhookPorts, wireWebhook } from './wiring.ts';

const RETRY_AFTER_SECONDS = 5;

const { logger, metrics, middlewares } = createTelemetry('webhook');

/** @param wire gives everything outside of the function; called at the first event. */
export function createWebhook(wire: (onStale: OnStale) => Promise<WebhookPorts>) {
  const ports = once(() => wire(logStale(logger)));
  return middy<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2>()
    .use(middlewares)
    .use(
      httpErrorHandler({
        logger: logFailure,
        fallbackMessage: errorDocument('INTERNAL', 'see the log of the webhook'),
      }),
    )
    .use(httpHeaderNormalizer())
    .handler(async (event) => {
      logger.appendKeys({ sourceIp: sourceIpOf(event) });
      return receive(event, await ports());
    });
}

export const handler = createWebhook((onStale) => wireWebhook(undefined, onStale));

async function receive(
  event: APIGatewayProxyEventV2,
  ports: WebhookPorts,
): Promise<APIGatewayProxyStructuredResultV2> {
  if (!(await ports.isAuthorized(event.headers.authorization))) throw unauthorized();
  const service = event.pathParameters?.service ?? '';
  const fleets = ports.fleets.filter((fleet) => uses(fleet, service));
  if (fleets.length === 0) throw unknownService(service);
  const { index, entries } = readWatchBody(event);
  const receivedAtMs = ports.now();
  const messages = fleets.map(
    ({ name: fleet }) =>
      ({ version: 1, kind: 'changed', fleet, service, index, receivedAtMs, entries }) as const,
  );
  // Without an index two equal bodies may be two changes: back and forth. So none counts as a repetition then.
  const sent = await queueAll(ports, messages, index === null ? `${receivedAtMs}` : '');
  const queued = sent.map(({ message, messageId, deduplicationId }) => ({
    fleet: message.fleet,
    messageId,
    deduplicationId,
    entries: entries.length,
  }));
  logger.info('watch_received', { consulService: service, index, entries: entries.length, queued });
  metrics.addMetric('WatchesReceived', MetricUnit.Count, 1);
  return answer(202, { service, index, queued });
}

/** Also the service that its load balancers register themselves as: a new one need not wait for the next reconcile. */
function uses({ backends, instancesFrom }: Fleet, service: string): boolean {
  return instancesFrom?.service === service || backends.some((backend) => backend.service === service);
}

async function queueAll(ports: WebhookPorts, messages: readonly ChangedMessage[], salt: string) {
  try {
    return await ports.queue.send(messages, salt);
  } catch (cause) {
    if (!(cause instanceof QueueFailed)) throw cause;
    const why = `${cause.message}; send it again, or wait for the scheduled reconcile`;
    const headers = { 'Retry-After': String(RETRY_AFTER_SECONDS) };
    throw new HttpRefusal(503, 'QUEUE_REFUSED', why, { headers, cause });
  }
}

function unauthorized(): HttpRefusal {
  return new HttpRefusal(
    401,
    'UNAUTHORIZED',
    'no valid token: set http_handler_config.header of the watch to {"Authorization": ["Bearer TOKEN"]}, with one of the webhook\'s tokens',
    { headers: { 'WWW-Authenticate': 'Bearer' } },
  );
}

function unknownService(service: string): HttpRefusal {
  return new HttpRefusal(
    404,
    'UNKNOWN_SERVICE',
    `no fleet uses the service ${JSON.stringify(service)}: add a backend with it to hitless.yml, or remove the watch`,
  );
}

function logFailure(error: Error): void {
  if (!(error instanceof HttpRefusal)) {
    logger.error('watch_failed', error);
    metrics.addMetric('WebhookErrors', MetricUnit.Count, 1);
    return;
  }
  const { statusCode, code, why } = error;
  logger.warn('watch_refused', { status: statusCode, code, why });
  metrics.addMetric(statusCode < 500 ? 'WatchesRefused' : 'WebhookErrors', MetricUnit.Count, 1);
}

function answer(statusCode: number, body: object): APIGatewayProxyStructuredResultV2 {
  return { statusCode, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
}
