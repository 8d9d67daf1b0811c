/** Giving received messages back to the queue before their visibility timeout has run out. */

import { ChangeMessageVisibilityBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';

/** SQS's limit for a batch. */
const LARGEST_BATCH = 10;

/**
 * Makes messages visible after some seconds; 0: at once. In a FIFO queue their order stays: as long as one message of a
 * group is in flight, no other of the group is handed out.
 *
 * @returns takes receipt handles; none: no request. Throws an error with SQS's words when one of the messages was not
 *   returned (the others were): it comes when its time has run out.
 */
export function createMessageReturner(
  client: SQSClient,
  queueUrl: string,
): (receiptHandles: readonly string[], afterSeconds: number) => Promise<void> {
  return async (receiptHandles, afterSeconds) => {
    const refused: string[] = [];
    for (let first = 0; first < receiptHandles.length; first += LARGEST_BATCH) {
      const batch = receiptHandles.slice(first, first + LARGEST_BATCH);
      const Entries = batch.map((ReceiptHandle, index) => ({
        Id: String(index),
        ReceiptHandle,
        VisibilityTimeout: afterSeconds,
      }));
      const { Failed = [] } = await client.send(
        new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries }),
      );
      refused.push(...Failed.map(({ Code, Message }) => `${Code}: ${Message ?? ''}`));
    }
    if (refused.length > 0) throw new Error(`${refused.length} not returned to ${queueUrl}: ${refused[0]}`);
  };
}
