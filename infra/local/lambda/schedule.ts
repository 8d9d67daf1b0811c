/** A rule of EventBridge that invokes a function at a fixed rate. */

import { randomUUID } from 'node:crypto';
import type { ScheduledEvent } from 'aws-lambda';
import { type InvocationResult, type Invoke, LOCAL_ACCOUNT, LOCAL_REGION } from './invocation.ts';

export interface Schedule {
  /** Invokes the function now, besides its rate. */
  trigger(): Promise<InvocationResult>;
  /** No further invocation; waits for those under way. */
  stop(): Promise<void>;
}

/**
 * The first invocation comes after one interval, as with a new `rate(…)` rule. Like EventBridge it does not care
 * whether the one before has ended; unlike it, a failed invocation is not repeated: the next one comes soon.
 */
export function startSchedule(
  name: string,
  { everyMs, invoke }: { readonly everyMs: number; readonly invoke: Invoke },
): Schedule {
  const running = new Set<Promise<InvocationResult>>();
  const trigger = (): Promise<InvocationResult> => {
    const invocation = invoke(scheduledEvent(name, new Date()));
    running.add(invocation);
    return invocation.finally(() => running.delete(invocation));
  };
  const timer = setInterval(() => void trigger(), everyMs);
  return {
    trigger,
    async stop() {
      clearInterval(timer);
      await Promise.all(running);
    },
  };
}

/** Times have no milliseconds, as in EventBridge. */
function scheduledEvent(name: string, time: Date): ScheduledEvent {
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': 'Scheduled Event',
    source: 'aws.events',
    account: LOCAL_ACCOUNT,
    time: time.toISOString().replace(/\.\d+Z$/, 'Z'),
    region: LOCAL_REGION,
    resources: [`arn:aws:events:${LOCAL_REGION}:${LOCAL_ACCOUNT}:rule/${name}`],
    detail: {},
  };
}
