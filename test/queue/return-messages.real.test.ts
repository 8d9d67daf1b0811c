import { ReceiveMessageCommand, SendMessageBatchCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Emulator, startEmulator } from '../../infra/local/emulator.ts';
import { until } from '../../infra/local/until.ts';
import { createMessageReturner } from '../../lib/queue/return-messages.ts';

let emulator: Emulator;
let url: string;
beforeAll(async () => {
  emulator = await startEmulator();
  ({ url } = await emulator.createQueue({ visibilityTimeout: 600, maxReceiveCount: 100 }));
});
afterAll(() => emulator?.stop());

async function receive(): Promise<readonly { body: string; handle: string }[]> {
  const command = new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 });
  const { Messages = [] } = await emulator.sqs.send(command);
  return Messages.map(({ Body = '', ReceiptHandle = '' }) => ({ body: Body, handle: ReceiptHandle }));
}

async function receiveAll() {
  const all = [];
  for (let some = await receive(); some.length > 0; some = await receive()) all.push(...some);
  return all;
}

test('what was returned is handed out again at once, also when it is more than a batch', async () => {
  for (const round of [0, 1, 2]) {
    const Entries = Array.from({ length: 5 }, (_, index) => {
      const Id = `${round}-${index}`;
      return { Id, MessageBody: Id, MessageGroupId: Id, MessageDeduplicationId: Id };
    });
    await emulator.sqs.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }));
  }
  const first = await receiveAll();
  expect(first).toHaveLength(15);
  expect(await receive()).toEqual([]);
  await createMessageReturner(emulator.sqs, url)(
    first.slice(1).map(({ handle }) => handle),
    0,
  );
  const again = await receiveAll();
  expect(new Set(again.map(({ body }) => body))).toEqual(new Set(first.slice(1).map(({ body }) => body)));
});

test('what was returned for later is not handed out before', async () => {
  const message = { MessageBody: 'later', MessageGroupId: 'later', MessageDeduplicationId: 'later' };
  await emulator.sqs.send(new SendMessageCommand({ QueueUrl: url, ...message }));
  const handles = (await receive()).map(({ handle }) => handle);
  await createMessageReturner(emulator.sqs, url)(handles, 1);
  expect(await receive()).toEqual([]);
  const again = await until(async () => (await receive())[0], { what: 'the message' });
  expect(again.body).toBe('later');
});

test('nothing to return is no request, a queue that is not there is an error', async () => {
  const gone = createMessageReturner(emulator.sqs, `${url}-gone`);
  await gone([], 0);
  await expect(gone(['some-handle'], 0)).rejects.toThrow();
});
