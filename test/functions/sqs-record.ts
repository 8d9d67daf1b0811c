/** A complete record of an SQS FIFO event, but for what a test says; each has a message id of its own. */

import type { SQSEvent, SQSRecord } from 'aws-lambda';
import { messageGroupId } from '../../lib/queue/message-ids.ts';
import { encodeMessage, type QueueMessage } from '../../lib/queue/messages.ts';

let count = 0;

export function sqsRecord({
  body,
  group = 'edge',
}: {
  readonly body: string | QueueMessage;
  readonly group?: string;
}): SQSRecord {
  count += 1;
  const text = typeof body === 'string' ? body : encodeMessage(body);
  return {
    messageId: `message-${count}`,
    receiptHandle: `receipt-${count}`,
    body: text,
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: '1795359600000',
      SenderId: 'sender',
      ApproximateFirstReceiveTimestamp: '1795359600001',
      SequenceNumber: String(18_850_000_000_000_000_000n + BigInt(count)),
      MessageGroupId: typeof body === 'string' ? group : messageGroupId(body),
      MessageDeduplicationId: `deduplication-${count}`,
    },
    messageAttributes: {},
    md5OfBody: '00000000000000000000000000000000',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:hitless.fifo',
    awsRegion: 'us-east-1',
  };
}

export function sqsEvent(...records: readonly SQSRecord[]): SQSEvent {
  return { Records: [...records] };
}
