/** Sending with the unmodified SDK to the emulator; what the emulator never does is done to the client. */

import { ReceiveMessageCommand, type SendMessageBatchResult, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Emulator, startEmulator } from '../../infra/local/emulator.ts';
import type { ServiceEntry } from '../../lib/model/service-entry.ts';
import { type ApplyMessage, type ChangedMessage, decodeMessage } from '../../lib/queue/messages.ts';
import { QueueFailed } from '../../lib/queue/queue-failed.ts';
import { createQueueSender } from '../../lib/queue/send-messages.ts';

let emulator: Emulator;
let client: SQSClient;
let queueUrl: string;
let queues = 0;

beforeAll(async () => {
  emulator = await startEmulator();
});

afterAll(() => emulator.stop());

beforeEach(async () => {
  const { sqsEndpoint: endpoint, region, credentials } = emulator;
  client = new SQSClient({ endpoint, region, credentials });
  queues += 1;
  queueUrl = (await emulator.createQueue({ name: `queue${queues}` })).url;
});

afterEach(() => client.destroy());

function entry(differs: Partial<ServiceEntry> = {}): ServiceEntry {
  const weights = { passing: 1, warning: 1 };
  return { address: '10.0.0.1', port: 80, tags: ['a', 'b'], status: 'passing', weights, ...differs };
}

function changed(differs: Partial<ChangedMessage> = {}): ChangedMessage {
  const base = { version: 1, kind: 'changed', fleet: 'edge', service: 'web', index: '29' } as const;
  return { ...base, receivedAtMs: 1, entries: [entry()], ...differs };
}

function apply(shard: number): ApplyMessage {
  return { version: 1, kind: 'apply', fleet: 'edge', shard, generation: 1 };
}

async function receiveOne() {
  const { Messages: messages } = await client.send(
    new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      WaitTimeSeconds: 5,
      MessageSystemAttributeNames: ['All'],
    }),
  );
  return messages?.[0];
}

/** Makes SQS refuse entries of each batch attempt, by their id. */
function refuseEntries(...refused: string[][]): { attempts: () => number } {
  let attempts = 0;
  client.middlewareStack.add(
    (next) => async (args) => {
      const ids = refused[attempts] ?? [];
      attempts += 1;
      const answer = await next(args);
      const said = answer.output as SendMessageBatchResult;
      const failed = ids.map((Id) => ({ Id, SenderFault: false, Code: 'Throttled', Message: 'slow down' }));
      const successful = said.Successful?.filter(({ Id }) => Id === undefined || !ids.includes(Id));
      return { ...answer, output: { ...answer.output, Successful: successful, Failed: failed } };
    },
    { step: 'initialize', name: 'refuseEntries' },
  );
  return { attempts: () => attempts };
}

test('no messages are no request', async () => {
  client.destroy();
  expect(await createQueueSender(client, 'http://127.0.0.1:1/nowhere').send([])).toEqual([]);
});

test('the same event from three agents is one message', async () => {
  const sender = createQueueSender(client, queueUrl);
  const flipped = entry({ tags: ['b', 'a'] });
  const second = entry({ address: '10.0.0.2' });
  const sent = [
    ...(await sender.send([changed({ entries: [entry(), second] })])),
    ...(await sender.send([changed({ entries: [second, flipped], receivedAtMs: 2 })])),
    ...(await sender.send([changed({ entries: [flipped, second], receivedAtMs: 3 })])),
  ];
  expect(sent).toHaveLength(3);
  expect(new Set(sent.map(({ deduplicationId }) => deduplicationId)).size).toBe(1);
  expect(await emulator.countMessages(queueUrl)).toEqual({ waiting: 1, inFlight: 0 });
  const received = await receiveOne();
  expect(received?.Attributes?.MessageGroupId).toBe('edge');
  expect(decodeMessage(received?.Body ?? '')).toEqual(changed({ entries: [entry(), second] }));
});

test('of an event too large for its entries, the dropped content still counts', async () => {
  const sender = createQueueSender(client, queueUrl);
  const many = (port: number) => Array.from({ length: 5_000 }, (_, n) => entry({ address: `10.${n}`, port }));
  await sender.send([
    changed({ entries: many(80) }),
    changed({ entries: many(81) }),
    changed({ entries: many(80) }),
  ]);
  expect(await emulator.countMessages(queueUrl)).toEqual({ waiting: 2, inFlight: 0 });
  expect(decodeMessage((await receiveOne())?.Body ?? '')).toMatchObject({ entries: null, index: '29' });
});

test('hostile text arrives as it was sent', async () => {
  const tags = ['\0', '\ufffe\uffff', '\ud800', '\u2028', '🙂', '</Message>', ']]>'];
  const message = changed({ service: 'a"b\n', entries: [entry({ address: '; shutdown\n', tags })] });
  await createQueueSender(client, queueUrl).send([message]);
  expect(decodeMessage((await receiveOne())?.Body ?? '')).toEqual(message);
});

test('many messages go in batches and come back in their order', async () => {
  const { attempts } = refuseEntries();
  const messages = Array.from({ length: 25 }, (_, shard) => apply(shard));
  const sent = await createQueueSender(client, queueUrl).send(messages);
  expect(sent.map(({ message }) => message)).toEqual(messages);
  expect(new Set(sent.map(({ messageId }) => messageId)).size).toBe(25);
  expect(attempts()).toBe(3);
  expect(await emulator.countMessages(queueUrl)).toEqual({ waiting: 25, inFlight: 0 });
});

test('large messages go in smaller batches', async () => {
  const { attempts } = refuseEntries();
  const large = entry({ tags: ['x'.repeat(250 * 1_024)] });
  const messages = Array.from({ length: 10 }, (_, n) => changed({ index: String(n), entries: [large] }));
  await createQueueSender(client, queueUrl).send(messages);
  expect(attempts()).toBe(3);
  expect(await emulator.countMessages(queueUrl)).toEqual({ waiting: 10, inFlight: 0 });
});

test('a repetition is dropped by SQS, unless it has a salt', async () => {
  const sender = createQueueSender(client, queueUrl);
  await sender.send([apply(0)]);
  await sender.send([apply(0)]);
  await sender.send([apply(0)], 'again');
  expect(await emulator.countMessages(queueUrl)).toEqual({ waiting: 2, inFlight: 0 });
});

describe('what SQS refused', () => {
  test('is sent once more', async () => {
    const { attempts } = refuseEntries(['1', '2']);
    const sent = await createQueueSender(client, queueUrl).send([apply(0), apply(1), apply(2)]);
    expect(sent.map(({ message }) => message)).toEqual([apply(0), apply(1), apply(2)]);
    expect(attempts()).toBe(2);
  });

  test('twice is named, the others are in', async () => {
    refuseEntries(['1'], ['1']);
    const failure = await failureOf(createQueueSender(client, queueUrl).send([apply(0), apply(1), apply(2)]));
    expect(failure.unsent).toEqual([{ message: apply(1), reason: 'Throttled: slow down' }]);
    expect(failure.message).toBe(
      `cannot send to ${queueUrl}: apply edge/1 generation 1: Throttled: slow down`,
    );
  });
});

test('a queue that is not there, or cannot be reached, names every message that is not in', async () => {
  const messages = Array.from({ length: 12 }, (_, shard) => apply(shard));
  const failure = await failureOf(createQueueSender(client, `${queueUrl}x`).send(messages));
  expect(failure.unsent.map(({ message }) => message)).toEqual(messages);
  expect(failure.message).toContain('QueueDoesNotExist');
  expect(failure.message).toContain('and 9 more');

  client.destroy();
  const { region, credentials } = emulator;
  client = new SQSClient({ endpoint: 'http://127.0.0.1:1', region, credentials, maxAttempts: 1 });
  const unreachable = await failureOf(createQueueSender(client, queueUrl).send([changed()]));
  expect(unreachable.message).toMatch(/changed edge "web": .*ECONNREFUSED/);
});

async function failureOf(promise: Promise<unknown>): Promise<QueueFailed> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof QueueFailed) return error;
  throw new Error(`expected QueueFailed, got ${String(error)}`);
}
