import { expect, onTestFinished, test, vi } from 'vitest';
import type { InvocationResult } from '../../../../infra/local/lambda/invocation.ts';
import { startSchedule } from '../../../../infra/local/lambda/schedule.ts';

const answered: InvocationResult = { outcome: 'answered', payload: null };

test('a schedule invokes at its rate, with an event like those of EventBridge', async () => {
  const invoke = vi.fn(async () => answered);
  const schedule = startSchedule('reconcile', { everyMs: 5, invoke });
  onTestFinished(() => schedule.stop());
  await vi.waitFor(() => expect(invoke.mock.calls.length).toBeGreaterThan(2));
  expect(invoke).toHaveBeenCalledWith({
    version: '0',
    id: expect.any(String),
    'detail-type': 'Scheduled Event',
    source: 'aws.events',
    account: '000000000000',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    region: 'us-east-1',
    resources: ['arn:aws:events:us-east-1:000000000000:rule/reconcile'],
    detail: {},
  });
});

test('it can be triggered by hand', async () => {
  const schedule = startSchedule('reconcile', { everyMs: 3_600_000, invoke: async () => answered });
  expect(await schedule.trigger()).toEqual(answered);
  await schedule.stop();
});

test('stopping waits for what runs and starts nothing more', async () => {
  let finish: (result: InvocationResult) => void = () => undefined;
  const invoke = vi.fn(() => new Promise<InvocationResult>((resolve) => (finish = resolve)));
  const schedule = startSchedule('reconcile', { everyMs: 3_600_000, invoke });
  void schedule.trigger();
  let stopped = false;
  const stopping = schedule.stop().then(() => (stopped = true));
  await Promise.resolve();
  expect(stopped).toBe(false);
  finish(answered);
  await stopping;
  expect(invoke).toHaveBeenCalledTimes(1);
});
