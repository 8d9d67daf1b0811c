/** Giving received messages back to the queue before their visibility timeout has run out. */

import { ChangeMessageVisibilityBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { awsReason } from '../aws/reason.ts';

/** SQS's limit for a batch. */
const LARGEST_BATCH = 10;

/**
 * @param signal breaks off the request that is under way.
 */
export type ReturnMessages = (
  receiptHandles: readonly string[],
  afterSeconds: number,
  signal?: AbortSignal,
) => Promise<void>;

/**
 * Makes messages visible after some seconds; 0: at once. In a FIFO queue their order stays: as long as one message of a
 * group is in flight, no other of the group is handed out.
 *
 * @returns takes receipt handles; none: no request. Throws an error with SQS's words when one of the messages was not
 *   returned (the others were): it comes when its time has run out.
 */
export function createMessageReturner(client: SQSClient, queueUrl: string): ReturnMessages {
  return async (receiptHandles, afterSeconds, signal) => {
    const refused: string[] = [];
    for (let first = 0; first < receiptHandles.length; first += LARGEST_BATCH) {
      const batch = receiptHandles.slice(first, first + LARGEST_BATCH);
      const Entries = batch.map((ReceiptHandle, index) => ({
        Id: String(index),
        ReceiptHandle,
        VisibilityTimeout: afterSeconds,
      }));
      const command = new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries });
      const { Failed = [] } = await client
        .send(command, signal === undefined ? {} : { abortSignal: signal })
        .catch((error: unknown) => {
          throw new Error(awsReason('ChangeMessageVisibilityBatch', error), { cause: error });
        });
      refused.push(...Failed.map(({ Code, Message }) => `${Code}: ${Message ?? ''}`));
    }
    if (refused.length > 0) throw new Error(`${refused.length} not returned to ${queueUrl}: ${refused[0]}`);
  };
}
