import type { QueueMessage } from './messages.ts';

/** A message that did not get into the queue, and why, in SQS's words. */
export interface Unsent {
  readonly message: QueueMessage;
  readonly reason: string;
}

/**
 * Messages did not get into the queue. Sending all of them again is safe and can help: those that did get in have the
 * same deduplication ids for five minutes.
 */
export class QueueFailed extends Error {
  override readonly name = 'QueueFailed';
  readonly code = 'QUEUE_FAILED';
  readonly queueUrl: string;
  readonly unsent: readonly Unsent[];

  constructor(queueUrl: string, unsent: readonly Unsent[], cause?: unknown) {
    const list = unsent.map(({ message, reason }) => `${nameOf(message)}: ${reason}`);
    const shown = list.length > 3 ? [...list.slice(0, 3), `and ${list.length - 3} more`] : list;
    super(`cannot send to ${queueUrl}: ${shown.join('; ')}`, cause === undefined ? undefined : { cause });
    this.queueUrl = queueUrl;
    this.unsent = unsent;
  }
}

function nameOf(message: QueueMessage): string {
  switch (message.kind) {
    case 'changed':
      return `changed ${message.fleet} ${JSON.stringify(message.service)}`;
    case 'reconcile':
      return `reconcile ${message.fleet}`;
    case 'apply':
      return `apply ${message.fleet}/${message.shard} generation ${message.generation}`;
  }
}
