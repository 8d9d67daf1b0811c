import './silent.ts';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import type { SQSEvent } from 'aws-lambda';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { wireWorker } from '../../functions/wiring.ts';
import { createWorker } from '../../functions/worker.ts';
import { startEventSource } from '../../infra/local/lambda/event-source.ts';
import { until } from '../../infra/local/until.ts';
import { encodeMessage, type QueueMessage } from '../../lib/queue/messages.ts';
import { lambdaContext } from './lambda-context.ts';
import { sqsEvent, sqsRecord } from './sqs-record.ts';
import { startEnvironment, type TestEnvironment } from './start-environment.ts';
import { type Registry, startRegistry } from './start-registry.ts';

/** The queue's messages are invisible for 30 s and dead after a hundred deliveries: fifty minutes in all. */
const QUICKLY_MS = 20_000;

let registry: Registry;
let environment: TestEnvironment;
beforeAll(async () => {
  registry = await startRegistry();
  environment = await startEnvironment(`
consul: { address: ${registry.url} }
store: s3://hitless/test
fleets:
  edge:
    instances: { lb1: unix:///does/not/exist.sock }
    backends: { be: { service: my-cluster, server: websrv, slots: 10 } }
`);
});

function reconcile(fleet: string, requestedAtMs: number): QueueMessage {
  return { version: 1, kind: 'reconcile', fleet, requestedAtMs };
}

let sent = 0;
async function send(MessageBody: string): Promise<void> {
  sent += 1;
  const { queueUrl: QueueUrl, emulator } = environment;
  const ids = { MessageGroupId: 'edge', MessageDeduplicationId: `message-${sent}` };
  await emulator.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody, ...ids }));
}

test('records that can never be handled are dead within seconds, and those behind them come after them', async () => {
  const unknown = encodeMessage(reconcile('gone', 1));
  const good = encodeMessage(reconcile('edge', 2));
  for (const body of ['poison', unknown, good]) await send(body);
  const worker = createWorker(() => wireWorker(environment.variables));
  const bodies: string[] = [];
  registry.asked.length = 0;
  const source = startEventSource({
    client: environment.emulator.sqs,
    queueUrl: environment.queueUrl,
    functionName: 'worker',
    invoke: async (event) => {
      const { Records } = event as SQSEvent;
      bodies.push(...Records.map((record) => record.body));
      return { outcome: 'answered', payload: await worker({ Records }, lambdaContext()) };
    },
    maximumConcurrency: 2,
    log: () => undefined,
  });
  onTestFinished(() => source.stop());
  await until(() => registry.asked.length > 0, { what: 'the pass behind them', within: QUICKLY_MS });
  expect(bodies).toEqual([...Array(100).fill('poison'), ...Array(100).fill(unknown), good]);
  const { deadLetterUrl, emulator } = environment;
  await until(async () => (await emulator.countMessages(deadLetterUrl)).waiting === 2, {
    what: 'both to be dead',
  });
});

test('the bad record is returned when the work of the others is done, and no other one', async () => {
  const wired = await wireWorker(environment.variables);
  const returned: (readonly string[])[] = [];
  const worker = createWorker(async () => ({
    ...wired,
    returnMessages: async (receiptHandles, afterSeconds) => {
      expect(registry.asked).toEqual(['my-cluster']);
      expect(afterSeconds).toBe(0);
      returned.push(receiptHandles);
    },
  }));
  const [before, bad, after, other] = [
    sqsRecord({ body: reconcile('edge', 3) }),
    sqsRecord({ body: 'poison' }),
    sqsRecord({ body: reconcile('edge', 4) }),
    sqsRecord({ body: 'poison', group: 'other' }),
  ];
  registry.asked.length = 0;
  const { batchItemFailures } = await worker(sqsEvent(before, bad, after), lambdaContext());
  expect(batchItemFailures).toEqual([{ itemIdentifier: bad.messageId }]);
  await worker(sqsEvent(other), lambdaContext());
  expect(returned).toEqual([[bad.receiptHandle], [other.receiptHandle]]);
});

test('a queue that does not take the record back changes nothing about the answer', async () => {
  const wired = await wireWorker(environment.variables);
  const worker = createWorker(async () => ({
    ...wired,
    returnMessages: () => Promise.reject(new Error('AccessDenied')),
  }));
  const bad = sqsRecord({ body: 'poison' });
  expect(await worker(sqsEvent(bad), lambdaContext())).toEqual({
    batchItemFailures: [{ itemIdentifier: bad.messageId }],
  });
});

test('when the work failed, all of the group come again: soon, and however often it failed within 8 s', async () => {
  const wired = await wireWorker(environment.variables);
  const returned: unknown[] = [];
  const worker = createWorker(async () => ({
    ...wired,
    returnMessages: async (receiptHandles, afterSeconds) => {
      returned.push([receiptHandles.length, afterSeconds]);
    },
    sync: {
      ...wired.sync,
      store: { ...wired.sync.store, get: () => Promise.reject(new Error('the bucket is gone')) },
    },
  }));
  for (const ApproximateReceiveCount of ['1', '2', '3', '99']) {
    const records = [sqsRecord({ body: reconcile('edge', 5) }), sqsRecord({ body: 'poison' })].map(
      (record) => ({ ...record, attributes: { ...record.attributes, ApproximateReceiveCount } }),
    );
    const { batchItemFailures } = await worker(sqsEvent(...records), lambdaContext());
    expect(batchItemFailures).toHaveLength(2);
  }
  const within = (least: number, most: number) =>
    expect.toSatisfy((seconds: number) => seconds >= least && seconds <= most);
  expect(returned).toEqual([
    [2, 1],
    [2, within(1, 2)],
    [2, within(2, 4)],
    [2, within(4, 8)],
  ]);
});
