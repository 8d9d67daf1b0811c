/** Putting messages into the FIFO queue, in batches. */

import {
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  type SendMessageBatchResult,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { awsReason } from '../aws/reason.ts';
import { deduplicationId, messageGroupId } from './message-ids.ts';
import { encodeMessage, type QueueMessage } from './messages.ts';
import { QueueFailed, type Unsent } from './queue-failed.ts';

export interface Sent {
  readonly message: QueueMessage;
  /** SQS's own; the earlier message's when this one counted as its repetition. */
  readonly messageId: string;
  readonly deduplicationId: string;
}

export interface QueueSender {
  /**
   * Sends all, in order; the result has their order, too. No messages: no request. Entries that do not fit into a
   * message are left out of it (see `encodeMessage`).
   *
   * What SQS refused is sent once more, after the rest of its batch: within a group the order can change then, which
   * no pass minds, for each reads the whole state.
   *
   * @param salt as in `deduplicationId`.
   * @param signal breaks off what is under way, and nothing further is sent.
   * @throws QueueFailed when a message did not get in; the others may have.
   */
  send(messages: readonly QueueMessage[], salt?: string, signal?: AbortSignal): Promise<Sent[]>;
}

/** SQS's limits for a batch; message attributes, of which we send none, would count as well. */
const LARGEST_BATCH = 10;
const LARGEST_BATCH_BYTES = 1024 * 1024;

interface Outgoing {
  readonly message: QueueMessage;
  readonly bytes: number;
  readonly entry: SendMessageBatchRequestEntry & {
    readonly Id: string;
    readonly MessageDeduplicationId: string;
  };
}

interface Refused {
  readonly outgoing: Outgoing;
  readonly reason: string;
}

/** @param queueUrl of a FIFO queue, exactly as SQS gave it. */
export function createQueueSender(client: SQSClient, queueUrl: string): QueueSender {
  return {
    async send(messages, salt, signal) {
      const sendBatch = (batch: readonly Outgoing[]) => sendOnce(client, queueUrl, batch, sent, signal);
      const outgoing = messages.map((message, index) => toOutgoing(message, index, salt));
      const sent = new Map<string, Sent>();
      const unsent: Unsent[] = [];
      try {
        for (const batch of batchesOf(outgoing)) {
          const refused = await sendBatch(batch);
          const again = refused.map(({ outgoing }) => outgoing);
          for (const still of await sendBatch(again)) {
            unsent.push({ message: still.outgoing.message, reason: still.reason });
          }
        }
      } catch (error) {
        const reason = awsReason('SendMessageBatch', error);
        const missing = outgoing.filter(({ entry }) => !sent.has(entry.Id));
        throw new QueueFailed(
          queueUrl,
          missing.map(({ message }) => ({ message, reason })),
          error,
        );
      }
      if (unsent.length > 0) throw new QueueFailed(queueUrl, unsent);
      return outgoing.flatMap(({ entry }) => sent.get(entry.Id) ?? []);
    },
  };
}

function toOutgoing(message: QueueMessage, index: number, salt: string | undefined): Outgoing {
  const body = encodeMessage(message);
  const entry = {
    Id: String(index),
    MessageBody: body,
    MessageGroupId: messageGroupId(message),
    MessageDeduplicationId: deduplicationId(message, salt),
  };
  return { message, bytes: Buffer.byteLength(body), entry };
}

function batchesOf(outgoing: readonly Outgoing[]): Outgoing[][] {
  const batches: Outgoing[][] = [];
  let bytes = 0;
  for (const one of outgoing) {
    const last = batches.at(-1);
    if (last !== undefined && last.length < LARGEST_BATCH && bytes + one.bytes <= LARGEST_BATCH_BYTES) {
      last.push(one);
      bytes += one.bytes;
    } else {
      batches.push([one]);
      bytes = one.bytes;
    }
  }
  return batches;
}

/** Adds to `sent` what got in, and returns the rest with SQS's reasons. The SDK itself repeats requests that failed. */
async function sendOnce(
  client: SQSClient,
  queueUrl: string,
  batch: readonly Outgoing[],
  sent: Map<string, Sent>,
  signal: AbortSignal | undefined,
): Promise<Refused[]> {
  if (batch.length === 0) return [];
  const entries = batch.map(({ entry }) => entry);
  const command = new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries });
  const result = await client.send(command, signal === undefined ? {} : { abortSignal: signal });
  for (const { Id: id, MessageId: messageId } of result.Successful ?? []) {
    const one = batch.find(({ entry }) => entry.Id === id);
    if (one === undefined || id === undefined || messageId === undefined) continue;
    sent.set(id, { message: one.message, messageId, deduplicationId: one.entry.MessageDeduplicationId });
  }
  return batch
    .filter(({ entry }) => !sent.has(entry.Id))
    .map((outgoing) => ({ outgoing, reason: reasonFor(outgoing, result) }));
}

function reasonFor({ entry }: Outgoing, { Failed: failed }: SendMessageBatchResult): string {
  const refusal = failed?.find(({ Id: id }) => id === entry.Id);
  return refusal === undefined ? 'SQS said nothing about it' : `${refusal.Code}: ${refusal.Message ?? ''}`;
}
