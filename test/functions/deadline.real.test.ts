/** A pass that does not end in time, in sandboxes that freeze: its message is back in the queue when it has answered. */

import { beforeAll, expect, test } from 'vitest';
import { until } from '../../infra/local/until.ts';
import { type FaultyAws, startFaultyAws } from './faulty-aws.ts';

let aws: FaultyAws;
beforeAll(async () => {
  aws = await startFaultyAws({ workerTimeoutMs: 3_000 });
  await aws.post('127.0.0.1');
  await aws.served('127.0.0.1', 0);
});

const visibilityRequests = () =>
  aws.sqs.requests.filter(({ operation }) => operation === 'ChangeMessageVisibilityBatch').length;

test.each([
  { what: 'at once', fault: null },
  { what: 'also when SQS resets the first request', fault: { kind: 'reset' } as const },
])('a pass that meets its deadline gives its message back before it answers: $what', async ({ fault }) => {
  const at = `127.0.0.${fault === null ? 2 : 3}`;
  const { promise, resolve: open } = Promise.withResolvers<void>();
  const [asked, failed] = [aws.registry.asked.length, aws.told('messages_failed').length];
  aws.registry.gate = promise;
  let faults = 0;
  aws.sqs.faults = ({ operation }) => {
    if (operation !== 'ChangeMessageVisibilityBatch') return null;
    faults += 1;
    return faults === 1 ? fault : null;
  };
  expect((await aws.post(at)).status).toBe(202);
  await until(() => aws.registry.asked.length > asked, { what: 'the pass to ask Consul' });
  await until(() => aws.told('messages_failed').length > failed, { what: 'the deadline' });
  open();
  const openedMs = performance.now();
  expect(await aws.served(at, openedMs)).toBeLessThan(15_000);
  expect(visibilityRequests()).toBeGreaterThan(0);
});

test('what a pass left behind at its deadline sends nothing when the sandbox goes on', async () => {
  const { promise, resolve: open } = Promise.withResolvers<void>();
  const failed = aws.told('messages_failed').length;
  aws.registry.gate = promise;
  await aws.post('127.0.0.4');
  await until(() => aws.told('messages_failed').length > failed, { what: 'the deadline' });
  open();
  const before = aws.told('table_published').length;
  await aws.served('127.0.0.4', performance.now());
  await until(() => aws.told('pass_done').length > 0, { what: 'the pass' });
  expect(aws.told('table_published').length).toBe(before + 1);
});
