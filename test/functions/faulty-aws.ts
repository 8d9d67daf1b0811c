/**
 * The packaged webhook and worker in sandboxes that freeze, with a proxy each between them and SQS, and S3: what a
 * change of Consul goes through on AWS, and everything that may happen to a request on its way.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll } from 'vitest';
import { type Emulator, type QueuePair, startEmulator } from '../../infra/local/emulator.ts';
import { type FaultyProxy, startFaultyProxy } from '../../infra/local/faulty-proxy.ts';
import { type LocalHaproxy, startHaproxy } from '../../infra/local/haproxy.ts';
import { startApiGateway } from '../../infra/local/lambda/api-gateway.ts';
import { startEventSource } from '../../infra/local/lambda/event-source.ts';
import { startFunctionPool } from '../../infra/local/lambda/function-pool.ts';
import { temporaryFolder } from '../../infra/local/temporary-folder.ts';
import { until } from '../../infra/local/until.ts';
import type { QueueMessage } from '../../lib/queue/messages.ts';
import { bundled } from './bundled.ts';
import { healthEntry } from './health-entry.ts';
import { TOKEN } from './http-event.ts';
import { type Registry, startRegistry } from './start-registry.ts';

export interface FaultyAws {
  readonly sqs: FaultyProxy;
  readonly s3: FaultyProxy;
  readonly registry: Registry;
  readonly haproxy: LocalHaproxy;
  readonly queue: QueuePair;
  readonly emulator: Emulator;
  /** What the functions wrote, by line. */
  readonly lines: readonly string[];
  /** Consul has this one endpoint now, and its watch posts that. */
  post(address: string): Promise<Response>;
  /** Waits until it is the only one in rotation; gives the milliseconds since `sinceMs`, of performance.now(). */
  served(address: string, sinceMs: number): Promise<number>;
  /** Puts a message into the queue, past the proxy. */
  send(message: QueueMessage): Promise<void>;
  /** The events of this name that the worker told, with their facts. */
  told(event: string): readonly Readonly<Record<string, unknown>>[];
}

/** The functions have the times that serverless.yml gives them, but for the worker's timeout. */
const WEBHOOK = { timeoutMs: 10_000, memoryMb: 256 };
const WORKER = { memoryMb: 512 };

/**
 * To be called in `beforeAll`; everything ends after the file's tests. The queue hides what it hands out for as long as
 * the deployed one: nothing in a test comes back because its time has run out.
 */
export async function startFaultyAws({ workerTimeoutMs = 30_000 } = {}): Promise<FaultyAws> {
  const folder = temporaryFolder('faulty-aws');
  const [registry, emulator, haproxy] = await Promise.all([
    startRegistry(),
    startEmulator(),
    startHaproxy({
      backend:
        'backend be_template\n  balance roundrobin\n  server-template websrv 1-4 0.0.0.0:80 disabled\n',
    }),
  ]);
  await emulator.createBucket('hitless');
  const queue = await emulator.createQueue({ visibilityTimeout: 180 });
  const [sqs, s3] = await Promise.all([
    startFaultyProxy(emulator.sqsEndpoint),
    startFaultyProxy(emulator.s3Endpoint),
  ]);
  writeFileSync(
    join(folder.path, 'hitless.yml'),
    `
consul: { address: ${registry.url} }
store: s3://hitless/test
fleets:
  edge:
    instances: { lb1: "unix://${haproxy.socket}" }
    backends:
      be_template: { service: my-cluster, server: websrv, slots: 4, spare: 0, drain: 0s, hold: 0s, keep: 0% }
`,
  );
  const moduleOf = await bundled(folder.path, ['webhook', 'worker']);
  const environment = {
    ...emulator.environment,
    AWS_ENDPOINT_URL_SQS: sqs.url,
    AWS_ENDPOINT_URL_S3: s3.url,
    HITLESS_QUEUE_URL: new URL(new URL(queue.url).pathname, sqs.url).href,
    HITLESS_WEBHOOK_TOKENS: TOKEN,
  };
  const lines: string[] = [];
  const log = ({ line }: { readonly line: string }) => {
    lines.push(line);
  };
  const start = (name: string, limits: { readonly timeoutMs: number; readonly memoryMb: number }) =>
    startFunctionPool(
      { name, module: moduleOf(name), handler: 'handler', environment, ...limits },
      { concurrency: 2, log },
    );
  const webhook = start('webhook', WEBHOOK);
  const worker = start('worker', { ...WORKER, timeoutMs: workerTimeoutMs });
  const gateway = await startApiGateway({ 'POST /watch/{service}': webhook.invoke });
  const source = startEventSource({
    client: emulator.sqs,
    queueUrl: queue.url,
    functionName: 'worker',
    invoke: worker.invoke,
    maximumConcurrency: 2,
    log,
  });
  afterAll(async () => {
    await gateway.stop();
    await Promise.all([webhook.stop(), worker.stop(), source.stop()]);
    await Promise.all([haproxy.stop(), sqs.stop(), s3.stop(), emulator.stop()]);
    folder.remove();
  });

  let posted = 0;
  let sent = 0;
  return {
    sqs,
    s3,
    registry,
    haproxy,
    queue,
    emulator,
    lines,
    async post(address) {
      posted += 1;
      registry.entries = [healthEntry(address)];
      return fetch(`${gateway.url}/watch/my-cluster`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${TOKEN}`, 'X-Consul-Index': String(posted) },
        body: JSON.stringify(registry.entries),
      });
    },
    async served(address, sinceMs) {
      const alone = async () => (await inRotation(haproxy)).join() === address;
      await until(alone, { what: `${address} alone in rotation`, within: 40_000, every: 10 });
      return performance.now() - sinceMs;
    },
    async send(message) {
      sent += 1;
      const ids = { MessageGroupId: message.fleet, MessageDeduplicationId: `sent-${sent}` };
      const command = { QueueUrl: queue.url, MessageBody: JSON.stringify(message), ...ids };
      await emulator.sqs.send(new SendMessageCommand(command));
    },
    told: (event) =>
      lines
        .filter((line) => line.startsWith('{'))
        .map((line): Readonly<Record<string, unknown>> => JSON.parse(line))
        .filter(({ message }) => message === event),
  };
}

async function inRotation(haproxy: LocalHaproxy): Promise<string[]> {
  const state = await haproxy.ask('show servers state be_template');
  const lines = state.split('\n').map((line) => line.split(' '));
  return lines
    .filter(([, , , , , , admin]) => ['0', '4'].includes(admin ?? ''))
    .map(([, , , , address = '']) => address);
}
