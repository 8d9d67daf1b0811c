/** What AWS does on a bad day, one fault after the other, to the packaged functions in sandboxes that freeze. */

import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { AwsRequest, Fault, Faults } from '../../infra/local/faulty-proxy.ts';
import { until } from '../../infra/local/until.ts';
import { type FaultyAws, startFaultyAws } from './faulty-aws.ts';

const RESET: Fault = { kind: 'reset' };
const SLOW_DOWN: Fault = {
  kind: 'answer',
  status: 503,
  type: 'application/xml',
  body: '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>',
};
const HTML: Fault = {
  kind: 'answer',
  status: 503,
  type: 'text/html',
  body: '<html><body><h1>503 Service Unavailable</h1></body></html>',
};

/** Beyond the fault itself; a busy machine needs most of it. The messages' visibility timeout is 180 s. */
const A_FEW_SECONDS_MS = 5_000;

let aws: FaultyAws;
beforeAll(async () => {
  aws = await startFaultyAws();
  expect((await aws.post('127.0.0.1')).status).toBe(202);
  await aws.served('127.0.0.1', 0);
});
afterEach(() => {
  aws.sqs.faults = () => null;
  aws.s3.faults = () => null;
  aws.registry.gate = Promise.resolve();
});

/** Something happens to the first `count` requests of a kind. */
function first(count: number, fault: Fault, which: (request: AwsRequest) => boolean = () => true): Faults {
  let left = count;
  return (request) => {
    if (left === 0 || !which(request)) return null;
    left -= 1;
    return fault;
  };
}

/** It happens to every request from now on, for so long. */
function during(ms: number, fault: Fault): Faults {
  const endMs = performance.now() + ms;
  return () => (performance.now() < endMs ? fault : null);
}

const isTable = ({ path }: AwsRequest) => path.endsWith('slots.json');
const reads = (request: AwsRequest) => request.operation === 'GetObject' && isTable(request);
const writes = (request: AwsRequest) => request.operation === 'PutObject' && isTable(request);

let hosts = 1;
/** Each test has an address of its own. */
function address(): string {
  hosts += 1;
  return `127.0.0.${hosts}`;
}

describe('a hiccup costs no event and no message', () => {
  test.each([200, 2_000])('SQS resets connections for %i ms: the webhook answers 202', async (ms) => {
    const at = address();
    aws.sqs.faults = during(ms, RESET);
    const beganMs = performance.now();
    const { status } = await aws.post(at);
    expect(status).toBe(202);
    expect(performance.now() - beganMs).toBeLessThan(ms + A_FEW_SECONDS_MS);
    expect(await aws.served(at, beganMs)).toBeLessThan(ms + A_FEW_SECONDS_MS);
  });

  test.each([200, 2_000])('S3 resets connections for %i ms: it is one pass', async (ms) => {
    const failed = aws.told('messages_failed').length;
    const at = address();
    aws.s3.faults = during(ms, RESET);
    const beganMs = performance.now();
    expect((await aws.post(at)).status).toBe(202);
    expect(await aws.served(at, beganMs)).toBeLessThan(ms + A_FEW_SECONDS_MS);
    expect(aws.told('messages_failed').length).toBe(failed);
  });

  test.each([
    { what: 'a reply of S3 that never comes', faults: () => first(1, { kind: 'silence' }, reads) },
    {
      what: 'a write that is done and never confirmed',
      faults: () => first(1, { kind: 'lost-reply' }, writes),
    },
    {
      what: 'writes whose connection is lost behind them',
      faults: () => first(2, { kind: 'reset-reply' }, writes),
    },
    { what: 'a body that is cut in half', faults: () => first(2, { kind: 'cut' }, reads) },
    { what: 'S3 asking to slow down', faults: () => first(3, SLOW_DOWN) },
    { what: 'a page of HTML in the place of S3', faults: () => first(3, HTML) },
  ])('$what', async ({ faults }) => {
    const failed = aws.told('messages_failed').length;
    const published = aws.told('table_published').length;
    const at = address();
    aws.s3.faults = faults();
    const beganMs = performance.now();
    expect((await aws.post(at)).status).toBe(202);
    expect(await aws.served(at, beganMs)).toBeLessThan(A_FEW_SECONDS_MS);
    expect(aws.told('messages_failed').length).toBe(failed);
    expect(aws.told('table_published').length).toBe(published + 1);
  });

  test('a reply of SQS that never comes: the webhook answers 202', async () => {
    const at = address();
    aws.sqs.faults = first(1, { kind: 'lost-reply' });
    const beganMs = performance.now();
    expect((await aws.post(at)).status).toBe(202);
    expect(await aws.served(at, beganMs)).toBeLessThan(A_FEW_SECONDS_MS);
  });
});

describe('an outage', () => {
  test('of S3 is over for the fleet at most 15 s after its end, and no message is dead', async () => {
    const at = address();
    const failed = aws.told('messages_failed').length;
    aws.s3.faults = () => SLOW_DOWN;
    expect((await aws.post(at)).status).toBe(202);
    await until(() => aws.told('messages_failed').length > failed, { what: 'the pass to fail' });
    aws.s3.faults = () => null;
    expect(await aws.served(at, performance.now())).toBeLessThan(15_000);
    expect(await aws.emulator.countMessages(aws.queue.deadLetterUrl)).toEqual({ waiting: 0, inFlight: 0 });
    const [last] = aws.told('messages_failed').slice(-1);
    expect(last).toMatchObject({
      error: {
        name: 'StoreFailed',
        message: expect.stringMatching(
          /fleets\/edge\/slots\.json: 503 SlowDown: Please reduce your request rate\. \(GetObject, \d+ attempts\)$/,
        ),
      },
    });
  });

  test('of SQS: the webhook says so within seconds, with the status and the operation', async () => {
    aws.sqs.faults = () => HTML;
    const beganMs = performance.now();
    const answer = await aws.post(address());
    expect(answer.status).toBe(503);
    expect(performance.now() - beganMs).toBeLessThan(9_000);
    const text = await answer.text();
    expect(text).toMatch(/503 Service Unavailable \(SendMessageBatch, \d+ attempts\)/);
    expect(text).not.toContain('Unexpected token');
  });
});
