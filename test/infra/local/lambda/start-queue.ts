/** A FIFO queue with a dead-letter queue, ended after the test that started it. */

import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { onTestFinished } from 'vitest';
import { startEmulator } from '../../../../infra/local/emulator.ts';

export interface StartedQueue {
  readonly client: SQSClient;
  readonly url: string;
  readonly deadLetterUrl: string;
  /** Sends one message; a group's messages keep their order. */
  send(group: string, body: object): Promise<void>;
  /** Waiting and in flight, together. */
  size(url: string): Promise<number>;
}

/** A message goes to the dead-letter queue when it was handed out twice in vain. */
export async function startQueue(visibilityTimeout: number): Promise<StartedQueue> {
  const emulator = await startEmulator();
  onTestFinished(() => emulator.stop());
  const { url, deadLetterUrl } = await emulator.createQueue({
    name: 'changes',
    visibilityTimeout,
    maxReceiveCount: 2,
  });
  let sent = 0;
  return {
    client: emulator.sqs,
    url,
    deadLetterUrl,
    async send(group, body) {
      sent += 1;
      const MessageDeduplicationId = `message-${sent}`;
      const MessageBody = JSON.stringify(body);
      await emulator.sqs.send(
        new SendMessageCommand({ QueueUrl: url, MessageGroupId: group, MessageDeduplicationId, MessageBody }),
      );
    },
    async size(queue) {
      const { waiting, inFlight } = await emulator.countMessages(queue);
      return waiting + inFlight;
    },
  };
}
