/**
 * Lambda's event source mapping for a FIFO queue, with partial batch responses.
 *
 * Each of `maximumConcurrency` receivers waits in a long poll, hands what it got to the function, deletes what
 * succeeded, and waits again: nothing sleeps on the way of a message. A queue gives out no further message of a group
 * while one of it is in flight, so a group's batches come one after the other. What failed is left alone: it becomes
 * visible again when its visibility timeout has run out, and the queue itself moves it to the dead-letter queue.
 */

import { setTimeout as wait } from 'node:timers/promises';
import {
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { FunctionLog, Invoke } from './invocation.ts';
import { failedRecords, queueArn, sqsEvent } from './sqs-event.ts';

/** AWS's ceiling for a FIFO queue. */
const BATCH_SIZE = 10;
/** AWS's ceiling for a long poll. */
const POLL_SECONDS = 20;
/** How long a receiver leaves a queue alone that could not be asked. */
const AFTER_ERROR_MS = 250;

export interface EventSource {
  /** Receives no further message and waits until those that were received are dealt with. */
  stop(): Promise<void>;
}

export interface EventSourceOptions {
  readonly client: SQSClient;
  readonly queueUrl: string;
  readonly functionName: string;
  readonly invoke: Invoke;
  /** How many batches, of different groups, are with the function at once; at least 1. */
  readonly maximumConcurrency: number;
  readonly log: FunctionLog;
}

export function startEventSource(options: EventSourceOptions): EventSource {
  const stopping = new AbortController();
  const receivers = Array.from({ length: options.maximumConcurrency }, () =>
    receiveUntil(stopping.signal, options),
  );
  return {
    async stop() {
      stopping.abort();
      await Promise.all(receivers);
    },
  };
}

async function receiveUntil(signal: AbortSignal, options: EventSourceOptions): Promise<void> {
  while (!signal.aborted) {
    try {
      const messages = await receive(signal, options);
      if (messages.length > 0) await handleBatch(messages, options);
    } catch (error) {
      if (signal.aborted) return;
      note(options, `cannot receive from ${options.queueUrl}: ${String(error)}`);
      await wait(AFTER_ERROR_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function receive(signal: AbortSignal, { client, queueUrl }: EventSourceOptions): Promise<Message[]> {
  const command = new ReceiveMessageCommand({
    QueueUrl: queueUrl,
    MaxNumberOfMessages: BATCH_SIZE,
    WaitTimeSeconds: POLL_SECONDS,
    MessageSystemAttributeNames: ['All'],
    MessageAttributeNames: ['All'],
  });
  const { Messages = [] } = await client.send(command, { abortSignal: signal });
  return Messages;
}

async function handleBatch(messages: readonly Message[], options: EventSourceOptions): Promise<void> {
  const result = await options.invoke(sqsEvent(messages, queueArn(options.queueUrl)));
  if (result.outcome !== 'answered') {
    note(options, `a batch of ${messages.length} returns to the queue: ${result.error.errorMessage}`);
    return;
  }
  const failed = failedRecords(result.payload, new Set(messages.map((message) => message.MessageId ?? '')));
  if (failed === 'invalid') {
    note(options, `a batch of ${messages.length} returns to the queue: not a batch response`);
    return;
  }
  if (failed.size > 0) note(options, `${failed.size} of ${messages.length} messages return to the queue`);
  await remove(
    messages.filter((message) => !failed.has(message.MessageId ?? '')),
    options,
  );
}

async function remove(messages: readonly Message[], options: EventSourceOptions): Promise<void> {
  if (messages.length === 0) return;
  const Entries = messages.map((message, index) => ({
    Id: String(index),
    ReceiptHandle: message.ReceiptHandle,
  }));
  const command = new DeleteMessageBatchCommand({ QueueUrl: options.queueUrl, Entries });
  const { Failed = [] } = await options.client.send(command);
  for (const { Id, Message: why } of Failed) note(options, `message ${Id} could not be deleted: ${why}`);
}

function note({ functionName, log }: EventSourceOptions, line: string): void {
  log({ functionName, stream: 'host', line });
}
