import { randomUUID } from 'node:crypto';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import {
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Emulator, startEmulator } from '../../../infra/local/emulator.ts';
import { until } from '../../../infra/local/until.ts';

let emulator: Emulator;
const Bucket = 'fleet-bucket';
const newKey = () => `fleets/edge/${randomUUID()} & more.json`;

beforeAll(async () => {
  emulator = await startEmulator();
  await emulator.createBucket(Bucket);
});
afterAll(() => emulator?.stop());

/** What the SDK made of the answer: the ETag, or the error's name and status. */
async function put(input: Pick<PutObjectCommandInput, 'Key' | 'Body' | 'IfMatch' | 'IfNoneMatch'>) {
  try {
    const { ETag } = await emulator.s3.send(new PutObjectCommand({ Bucket, ...input }));
    if (ETag === undefined) throw new Error('a put without an ETag');
    return { etag: ETag };
  } catch (error) {
    return refusal(error);
  }
}

function refusal(error: unknown) {
  if (!(error instanceof S3ServiceException)) throw error;
  return { refused: error.name, status: error.$metadata.httpStatusCode, message: error.message };
}

async function read(Key: string): Promise<{ body: string; etag: string } | undefined> {
  try {
    const { Body, ETag } = await emulator.s3.send(new GetObjectCommand({ Bucket, Key }));
    return { body: (await Body?.transformToString()) ?? '', etag: ETag ?? '' };
  } catch (error) {
    if (refusal(error).status === 404) return undefined;
    throw error;
  }
}

function etagOf(outcome: Awaited<ReturnType<typeof put>>): string {
  if (!('etag' in outcome)) throw new Error(`refused: ${JSON.stringify(outcome)}`);
  return outcome.etag;
}

const preconditionFailed = {
  refused: 'PreconditionFailed',
  status: 412,
  message: 'At least one of the pre-conditions you specified did not hold',
};

describe('conditional writes', () => {
  test('of 20 concurrent creators one wins, and the object is the one it wrote', async () => {
    const Key = newKey();
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, writer) => put({ Key, Body: `writer ${writer}`, IfNoneMatch: '*' })),
    );
    const winners = outcomes.flatMap((outcome, writer) => ('etag' in outcome ? [writer] : []));
    expect(winners).toHaveLength(1);
    expect(outcomes.filter((outcome) => 'refused' in outcome)).toEqual(Array(19).fill(preconditionFailed));
    expect((await read(Key))?.body).toBe(`writer ${winners[0]}`);
  });

  test('a stale ETag is refused and the object unchanged', async () => {
    const Key = newKey();
    const stale = etagOf(await put({ Key, Body: 'first' }));
    await put({ Key, Body: 'second' });
    const before = await read(Key);
    expect(await put({ Key, Body: 'third', IfMatch: stale })).toEqual(preconditionFailed);
    expect(await read(Key)).toEqual(before);
    expect(before?.body).toBe('second');
  });

  test('the right ETag is accepted, with and without its quotes', async () => {
    const Key = newKey();
    const first = etagOf(await put({ Key, Body: 'first' }));
    const second = etagOf(await put({ Key, Body: 'second', IfMatch: first }));
    etagOf(await put({ Key, Body: 'third', IfMatch: second.replaceAll('"', '') }));
    expect((await read(Key))?.body).toBe('third');
  });

  test('an ETag for an object that is not there is NoSuchKey, and nothing is created', async () => {
    const Key = newKey();
    expect(await put({ Key, Body: 'x', IfMatch: '"0123"' })).toMatchObject({
      refused: 'NoSuchKey',
      status: 404,
    });
    expect(await read(Key)).toBeUndefined();
  });

  test('an object that was deleted can be created again', async () => {
    const Key = newKey();
    await put({ Key, Body: 'first', IfNoneMatch: '*' });
    await emulator.s3.send(new DeleteObjectCommand({ Bucket, Key }));
    etagOf(await put({ Key, Body: 'second', IfNoneMatch: '*' }));
  });

  test('without a condition the last writer wins', async () => {
    const Key = newKey();
    await put({ Key, Body: 'first' });
    etagOf(await put({ Key, Body: 'second' }));
    expect((await read(Key))?.body).toBe('second');
  });

  test('another If-None-Match than * is not implemented, as on S3', async () => {
    const Key = newKey();
    expect(await put({ Key, Body: 'x', IfNoneMatch: '"0123"' })).toMatchObject({
      refused: 'NotImplemented',
      status: 501,
    });
  });

  test('a condition on a missing bucket is NoSuchBucket', async () => {
    const sent = emulator.s3.send(
      new PutObjectCommand({ Bucket: 'nowhere', Key: 'k', Body: 'x', IfNoneMatch: '*' }),
    );
    await expect(sent).rejects.toMatchObject({ name: 'NoSuchBucket' });
  });

  test('ten writers that increment one counter under If-Match lose no increment', async () => {
    const Key = newKey();
    await put({ Key, Body: '0' });
    let refused = 0;
    const increment = async (): Promise<void> => {
      const now = await read(Key);
      const outcome = await put({ Key, Body: String(Number(now?.body) + 1), IfMatch: now?.etag });
      if ('etag' in outcome) return;
      expect(outcome).toEqual(preconditionFailed);
      refused += 1;
      return increment();
    };
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        for (let times = 0; times < 10; times += 1) await increment();
      }),
    );
    expect((await read(Key))?.body).toBe('100');
    expect(refused).toBeGreaterThan(0);
  });

  test('a copy and a deletion respect conditions as well', async () => {
    const Key = newKey();
    await put({ Key, Body: 'first' });
    const CopySource = `${Bucket}/${encodeURIComponent(Key)}`;
    const copy = emulator.s3.send(new CopyObjectCommand({ Bucket, Key, CopySource, IfNoneMatch: '*' }));
    await expect(copy).rejects.toMatchObject({ name: 'PreconditionFailed' });
    const deletion = emulator.s3.send(new DeleteObjectCommand({ Bucket, Key, IfMatch: '"0123"' }));
    await expect(deletion).rejects.toMatchObject({ name: 'PreconditionFailed' });
    expect((await read(Key))?.body).toBe('first');
  });
});

describe('queues', () => {
  test('a message that is never deleted ends in the dead-letter queue', async () => {
    const queue = await emulator.createQueue({ name: 'redrive', visibilityTimeout: 0, maxReceiveCount: 2 });
    await emulator.sqs.send(
      new SendMessageCommand({
        QueueUrl: queue.url,
        MessageBody: '{}',
        MessageGroupId: 'edge',
        MessageDeduplicationId: 'one',
      }),
    );
    expect(await emulator.countMessages(queue.url)).toEqual({ waiting: 1, inFlight: 0 });
    await until(
      async () => {
        await emulator.sqs.send(new ReceiveMessageCommand({ QueueUrl: queue.url }));
        return (await emulator.countMessages(queue.deadLetterUrl)).waiting === 1;
      },
      { what: 'the message in the dead-letter queue' },
    );
    expect(await emulator.countMessages(queue.url)).toEqual({ waiting: 0, inFlight: 0 });
  });

  test('a message in flight holds its group back, and a deletion lets the next one through', async () => {
    const queue = await emulator.createQueue({ name: 'groups' });
    for (const id of ['one', 'two']) {
      await emulator.sqs.send(
        new SendMessageCommand({
          QueueUrl: queue.url,
          MessageBody: id,
          MessageGroupId: 'edge',
          MessageDeduplicationId: id,
        }),
      );
    }
    const receive = new ReceiveMessageCommand({ QueueUrl: queue.url, MaxNumberOfMessages: 10 });
    const first = await emulator.sqs.send(receive);
    expect(first.Messages?.map(({ Body }) => Body)).toEqual(['one']);
    expect((await emulator.sqs.send(receive)).Messages ?? []).toEqual([]);
    expect(await emulator.countMessages(queue.url)).toEqual({ waiting: 1, inFlight: 1 });
    await emulator.sqs.send(
      new DeleteMessageCommand({ QueueUrl: queue.url, ReceiptHandle: first.Messages?.[0]?.ReceiptHandle }),
    );
    const second = await emulator.sqs.send(receive);
    expect(second.Messages?.map(({ Body }) => Body)).toEqual(['two']);
  });

  test('a client with nothing but the environment reaches it', async () => {
    const queue = await emulator.createQueue({ name: 'environment' });
    const before = { ...process.env };
    Object.assign(process.env, emulator.environment);
    const client = new SQSClient();
    try {
      await client.send(
        new SendMessageCommand({
          QueueUrl: queue.url,
          MessageBody: '{}',
          MessageGroupId: 'edge',
          MessageDeduplicationId: 'one',
        }),
      );
    } finally {
      client.destroy();
      process.env = before;
    }
    expect((await emulator.countMessages(queue.url)).waiting).toBe(1);
  });
});

test('it listens on the loopback address only', () => {
  expect(emulator.sqsEndpoint).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
});
