/** SQS messages as Lambda's event source mapping hands them to a function, and what the function's answer means. */

import type { Message, MessageAttributeValue } from '@aws-sdk/client-sqs';
import type { SQSEvent, SQSMessageAttribute, SQSRecord } from 'aws-lambda';
import { LOCAL_ACCOUNT, LOCAL_REGION } from './invocation.ts';

/** @param queueUrl ends in `/ACCOUNT/NAME`; an emulator's need not be a valid URL otherwise. */
export function queueArn(queueUrl: string): string {
  const [account = LOCAL_ACCOUNT, name = ''] = queueUrl.split('/').slice(-2);
  return `arn:aws:sqs:${LOCAL_REGION}:${account}:${name}`;
}

/** One event with all messages, in the order in which the queue gave them. */
export function sqsEvent(messages: readonly Message[], eventSourceARN: string): SQSEvent {
  return { Records: messages.map((message) => sqsRecord(message, eventSourceARN)) };
}

function sqsRecord(message: Message, eventSourceARN: string): SQSRecord {
  const attributes = message.Attributes ?? {};
  return {
    messageId: message.MessageId ?? '',
    receiptHandle: message.ReceiptHandle ?? '',
    body: message.Body ?? '',
    attributes: {
      ...attributes,
      ApproximateReceiveCount: attributes.ApproximateReceiveCount ?? '1',
      SentTimestamp: attributes.SentTimestamp ?? '',
      SenderId: attributes.SenderId ?? '',
      ApproximateFirstReceiveTimestamp: attributes.ApproximateFirstReceiveTimestamp ?? '',
    },
    messageAttributes: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [name, recordAttribute(value)]),
    ),
    md5OfBody: message.MD5OfBody ?? '',
    eventSource: 'aws:sqs',
    eventSourceARN,
    awsRegion: LOCAL_REGION,
  };
}

function recordAttribute(value: MessageAttributeValue): SQSMessageAttribute {
  return {
    dataType: value.DataType ?? 'String',
    ...(value.StringValue !== undefined && { stringValue: value.StringValue }),
    ...(value.BinaryValue !== undefined && {
      binaryValue: Buffer.from(value.BinaryValue).toString('base64'),
    }),
  };
}

/**
 * The ids of the records that failed, read as Lambda does with `ReportBatchItemFailures`.
 *
 * Nothing at all, or no (or an empty) `batchItemFailures`: none failed. Anything that is not made like that, an
 * empty id, or an id that was not in the batch: `invalid`, and the whole batch counts as failed.
 * Source: AWS, "Handling errors for an SQS event source in Lambda".
 */
export function failedRecords(payload: unknown, sent: ReadonlySet<string>): ReadonlySet<string> | 'invalid' {
  if (payload === null) return new Set();
  if (typeof payload !== 'object') return 'invalid';
  const failures = 'batchItemFailures' in payload ? payload.batchItemFailures : null;
  if (failures === null) return new Set();
  if (!Array.isArray(failures)) return 'invalid';
  const failed = new Set<string>();
  for (const failure of failures) {
    const id: unknown = failure?.itemIdentifier;
    if (typeof id !== 'string' || !sent.has(id)) return 'invalid';
    failed.add(id);
  }
  return failed;
}
