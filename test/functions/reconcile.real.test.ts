import './silent.ts';
import type { ScheduledEvent } from 'aws-lambda';
import { beforeAll, expect, test } from 'vitest';
import { createReconcile, handler } from '../../functions/reconcile.ts';
import { wireReconcile } from '../../functions/wiring.ts';
import { lambdaContext } from './lambda-context.ts';
import { startEnvironment, type TestEnvironment } from './start-environment.ts';

const CONFIGURATION = `
consul: { address: http://127.0.0.1:8500 }
store: s3://hitless/test
fleets:
  edge:
    instances: { lb1: unix:///run/haproxy/admin.sock }
    backends: { be: { service: my-cluster, server: websrv, slots: 10 } }
  inner:
    instances: { lb2: tcp://127.0.0.1:9999 }
    backends: { be: { service: other, server: srv, slots: 10 } }
`;

let environment: TestEnvironment;
beforeAll(async () => {
  environment = await startEnvironment(CONFIGURATION);
});

function scheduledEvent(id: string): ScheduledEvent {
  return {
    version: '0',
    id,
    'detail-type': 'Scheduled Event',
    source: 'aws.events',
    account: '000000000000',
    time: '2026-11-22T15:00:00Z',
    region: 'us-east-1',
    resources: ['arn:aws:events:us-east-1:000000000000:rule/reconcile'],
    detail: {},
  };
}

test('every fleet gets one message', async () => {
  expect(await handler(scheduledEvent('a'), lambdaContext())).toEqual({ queued: ['edge', 'inner'] });
  expect(await environment.takeMessages()).toEqual(
    ['edge', 'inner'].map((fleet) => ({
      version: 1,
      kind: 'reconcile',
      fleet,
      requestedAtMs: expect.any(Number),
    })),
  );
});

test('an event that is delivered twice asks once, the next one asks again', async () => {
  await handler(scheduledEvent('b'), lambdaContext());
  await handler(scheduledEvent('b'), lambdaContext());
  expect(await environment.takeMessages()).toHaveLength(2);
  await handler(scheduledEvent('c'), lambdaContext());
  expect(await environment.takeMessages()).toHaveLength(2);
});

test('a queue that refuses makes the invocation fail', async () => {
  const HITLESS_QUEUE_URL = `${environment.queueUrl}-gone`;
  const broken = createReconcile(() => wireReconcile({ ...environment.variables, HITLESS_QUEUE_URL }));
  await expect(broken(scheduledEvent('d'), lambdaContext())).rejects.toThrow(
    expect.objectContaining({ code: 'QUEUE_FAILED' }),
  );
});
