import { expect, onTestFinished, test, vi } from 'vitest';
import { startEventSource } from '../../../../infra/local/lambda/event-source.ts';
import type { Invoke } from '../../../../infra/local/lambda/invocation.ts';
import { type StartedFunction, startFunction } from './start-function.ts';
import { type StartedQueue, startQueue } from './start-queue.ts';

const ANSWERED = { outcome: 'answered', payload: null } as const;
const patiently = { timeout: 30_000, interval: 20 };

function connect(queue: StartedQueue, invoke: Invoke, maximumConcurrency = 2) {
  const lines: string[] = [];
  const source = startEventSource({
    client: queue.client,
    queueUrl: queue.url,
    functionName: 'worker',
    invoke,
    maximumConcurrency,
    log: ({ line }) => lines.push(line),
  });
  onTestFinished(() => source.stop());
  return { source, lines };
}

/** What the fixture `sqs` began and ended, in order. */
function story({ lines }: StartedFunction): string[] {
  return lines.flatMap(({ stream, line }) => (stream === 'stdout' ? [line] : []));
}

async function emptied(queue: StartedQueue, url: string): Promise<void> {
  await vi.waitFor(async () => expect(await queue.size(url)).toBe(0), patiently);
}

test('a message arrives as a record in the shape of AWS and is deleted afterwards', async () => {
  const queue = await startQueue(30);
  const events: unknown[] = [];
  connect(queue, async (event) => {
    events.push(event);
    return ANSWERED;
  });
  await queue.send('edge', { hello: 'world' });
  await emptied(queue, queue.url);
  expect(events).toEqual([
    {
      Records: [
        {
          messageId: expect.any(String),
          receiptHandle: expect.any(String),
          body: '{"hello":"world"}',
          attributes: expect.objectContaining({
            MessageGroupId: 'edge',
            MessageDeduplicationId: 'message-1',
            SequenceNumber: expect.stringMatching(/^\d+$/),
            ApproximateReceiveCount: '1',
            SentTimestamp: expect.stringMatching(/^\d{13}$/),
            ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d{13}$/),
          }),
          messageAttributes: {},
          md5OfBody: expect.stringMatching(/^[0-9a-f]{32}$/),
          eventSource: 'aws:sqs',
          eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:changes.fifo',
          awsRegion: 'us-east-1',
        },
      ],
    },
  ]);
});

test("a group's messages are handled one after the other, in order, while another group goes on", async () => {
  const queue = await startQueue(60);
  const worker = startFunction('sqs', { concurrency: 3 });
  connect(queue, worker.invoke, 3);
  await queue.send('slow', { do: 'wait', ms: 400, n: 1 });
  await queue.send('slow', { n: 2 });
  await queue.send('slow', { n: 3 });
  await queue.send('other', { n: 'other' });
  await emptied(queue, queue.url);
  await vi.waitFor(() => expect(story(worker)).toHaveLength(8), patiently);
  const slow = story(worker).filter((line) => !line.includes('other'));
  const first = '{"do":"wait","ms":400,"n":1}';
  expect(slow).toEqual([
    `begin ${first}`,
    `end ${first}`,
    'begin {"n":2}',
    'end {"n":2}',
    'begin {"n":3}',
    'end {"n":3}',
  ]);
  expect(story(worker).indexOf('end {"n":"other"}')).toBeLessThan(story(worker).indexOf(`end ${first}`));
});

test('no more batches are with the function at once than the maximum concurrency', async () => {
  const queue = await startQueue(60);
  const running: (() => void)[] = [];
  connect(queue, async () => {
    await new Promise<void>((resolve) => running.push(resolve));
    return ANSWERED;
  });
  for (const count of [1, 2]) {
    await queue.send(`group ${count}`, {});
    await vi.waitFor(() => expect(running).toHaveLength(count), patiently);
  }
  await queue.send('group 3', {});
  expect(await queue.size(queue.url)).toBe(3);
  expect(running).toHaveLength(2);
  running[0]?.();
  await vi.waitFor(() => expect(running).toHaveLength(3), patiently);
  for (const finish of running) finish();
  await emptied(queue, queue.url);
});

test.each([
  { what: 'names its record as failed', does: 'fail', timeoutMs: 30_000 },
  { what: 'throws', does: 'throw', timeoutMs: 30_000 },
  { what: 'times out', does: 'hang', timeoutMs: 200 },
  { what: 'answers nonsense', does: 'answer nonsense', timeoutMs: 30_000 },
])('a message whose invocation $what comes again and ends in the dead-letter queue', async ({
  does,
  timeoutMs,
}) => {
  const queue = await startQueue(1);
  const worker = startFunction('sqs', { timeoutMs });
  connect(queue, worker.invoke);
  await queue.send('edge', { do: does });
  await queue.send('edge', { n: 2 });
  await emptied(queue, queue.url);
  expect(await queue.size(queue.deadLetterUrl)).toBe(1);
  await vi.waitFor(() => expect(story(worker)).toContain('end {"n":2}'), patiently);
  const begun = story(worker).filter((line) => line.startsWith('begin'));
  expect(begun).toEqual([`begin {"do":"${does}"}`, `begin {"do":"${does}"}`, 'begin {"n":2}']);
});

test('only the records that succeeded are deleted', async () => {
  const queue = await startQueue(30);
  const worker = startFunction('sqs');
  const { lines } = connect(queue, worker.invoke, 1);
  await queue.send('bad', { do: 'fail' });
  await queue.send('good', { n: 1 });
  await vi.waitFor(async () => expect(await queue.size(queue.url)).toBe(1), patiently);
  await vi.waitFor(() => expect(story(worker)).toContain('end {"n":1}'), patiently);
  expect(lines).toContainEqual(expect.stringMatching(/^1 of \d messages return to the queue$/));
});

test('stopping waits for the batch that is being handled, and deletes its messages', async () => {
  const queue = await startQueue(60);
  const worker = startFunction('sqs');
  const { source } = connect(queue, worker.invoke);
  await queue.send('edge', { do: 'wait', ms: 300 });
  await vi.waitFor(() => expect(story(worker)).toHaveLength(1), patiently);
  await source.stop();
  expect(await queue.size(queue.url)).toBe(0);
});

test('a queue that cannot be asked is asked again later', async () => {
  const queue = await startQueue(30);
  const { lines } = connect({ ...queue, url: `${queue.url}-not-there` }, async () => ANSWERED);
  await vi.waitFor(() => expect(lines.length).toBeGreaterThan(3), patiently);
  expect(lines[0]).toContain('cannot receive from');
});
