/** A FIFO queue with a dead-letter queue, ended after the test that started it. */

import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { buildApp } from 'fauxqs';
import { onTestFinished } from 'vitest';

export interface StartedQueue {
  readonly client: SQSClient;
  readonly url: string;
  readonly deadLetterUrl: string;
  /** Sends one message; a group's messages keep their order. */
  send(group: string, body: object): Promise<void>;
  /** Waiting and in flight, together. */
  size(url: string): Promise<number>;
}

export async function startQueue(visibilityTimeoutSeconds: number): Promise<StartedQueue> {
  const app = buildApp({ host: '127.0.0.1', logger: false });
  const endpoint = await app.listen({ port: 0, host: '127.0.0.1' });
  const client = new SQSClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  onTestFinished(async () => {
    client.destroy();
    await app.close();
  });
  const deadLetterUrl = await createQueue(client, 'dead.fifo', {});
  const redrive = { deadLetterTargetArn: 'arn:aws:sqs:us-east-1:000000000000:dead.fifo', maxReceiveCount: 2 };
  const url = await createQueue(client, 'changes.fifo', {
    VisibilityTimeout: String(visibilityTimeoutSeconds),
    RedrivePolicy: JSON.stringify(redrive),
  });
  let sent = 0;
  return {
    client,
    url,
    deadLetterUrl,
    async send(group, body) {
      sent += 1;
      const MessageDeduplicationId = `message-${sent}`;
      const MessageBody = JSON.stringify(body);
      await client.send(
        new SendMessageCommand({ QueueUrl: url, MessageGroupId: group, MessageDeduplicationId, MessageBody }),
      );
    },
    async size(queue) {
      const { Attributes = {} } = await client.send(
        new GetQueueAttributesCommand({ QueueUrl: queue, AttributeNames: ['All'] }),
      );
      return (
        Number(Attributes.ApproximateNumberOfMessages) +
        Number(Attributes.ApproximateNumberOfMessagesNotVisible)
      );
    },
  };
}

async function createQueue(
  client: SQSClient,
  name: string,
  attributes: Record<string, string>,
): Promise<string> {
  const Attributes = { FifoQueue: 'true', ...attributes };
  const { QueueUrl = '' } = await client.send(new CreateQueueCommand({ QueueName: name, Attributes }));
  return QueueUrl;
}
