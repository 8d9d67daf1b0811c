/**
 * A FIFO queue as SQS's: order within a group, one batch of a group at a time, deduplication for five minutes,
 * visibility timeout, dead letters; and, as at-least-once allows, messages that come again although they were done.
 */

import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import { createQueueSender, type QueueSender } from '../../lib/queue/send-messages.ts';
import type { Sandbox } from './sandbox.ts';
import type { World } from './world.ts';

interface Message {
  readonly id: string;
  readonly group: string;
  readonly body: string;
  readonly deduplicationId: string;
  received: number;
  visibleAtMs: number;
}

export interface QueueOptions {
  readonly visibilityMs: number;
  readonly maxReceives: number;
}

const BATCH = 10;
const DEDUPLICATION_MS = 300_000;

type Entries = NonNullable<SendMessageBatchCommand['input']['Entries']>;

/** Where the client's requests end, by the URL of the queue: each sandbox has one of its own. */
const ends = new Map<string, (entries: Entries) => Promise<object>>();

/** One for all sandboxes and seeds, for it takes a millisecond to make. */
const client = new SQSClient({ region: 'us-east-1' });
client.middlewareStack.add(
  () => async (args) => {
    const { input } = new SendMessageBatchCommand(Object(args).input);
    const output = await ends.get(input.QueueUrl ?? '')?.(input.Entries ?? []);
    return { response: {}, output: Object(output) };
  },
  { step: 'initialize', priority: 'high' },
);

export class SimulatedQueue {
  readonly #world: World;
  readonly #options: QueueOptions;
  #messages: Message[] = [];
  readonly #recent = new Map<string, { readonly id: string; readonly untilMs: number }>();
  #count = 0;
  readonly #arrived: () => void;
  deadLetters = 0;

  constructor(world: World, options: QueueOptions, arrived: () => void) {
    this.#world = world;
    this.#options = options;
    this.#arrived = arrived;
    ends.clear();
  }

  get length(): number {
    return this.#messages.length;
  }

  /** The real sender, with a client whose requests end here. */
  senderOf(sandbox: Sandbox): QueueSender {
    const url = `https://sqs.us-east-1.amazonaws.com/000000000000/${sandbox.name}.fifo`;
    ends.set(url, (entries) => sandbox.whileAlive(() => this.#send(entries, sandbox)));
    return createQueueSender(client, url);
  }

  /** A batch of groups that nobody works on; several groups now and then. */
  receive(): SQSRecord[] {
    const nowMs = this.#world.time.elapsedMs;
    const groups = [...Map.groupBy(this.#messages, (message) => message.group)];
    const free = groups.filter(([, own]) => own.every((message) => message.visibleAtMs <= nowMs));
    const chosen = this.#world.random.chance(0.2) ? free : free.slice(0, 1);
    const batch = chosen.flatMap(([, own]) => own).slice(0, BATCH);
    const taken = batch.flatMap((message) => {
      message.received += 1;
      message.visibleAtMs = nowMs + this.#options.visibilityMs;
      if (message.received <= this.#options.maxReceives) return [recordOf(message)];
      this.deadLetters += 1;
      this.#world.tell(`queue: ${message.id} is a dead letter`);
      this.#messages = this.#messages.filter((other) => other !== message);
      return [];
    });
    if (taken.length > 0) this.#world.time.after(this.#options.visibilityMs + 1, this.#arrived);
    return taken;
  }

  /** After a batch: what did not fail is deleted, unless that call gets lost. */
  done(ids: readonly string[]): void {
    if (this.#world.fault(0.03)) {
      this.#world.tell(`queue: ${ids.join(', ')} could not be deleted and will come again`);
      return;
    }
    const gone = new Set(ids);
    this.#messages = this.#messages.filter((message) => !gone.has(message.id));
  }

  /** Makes messages visible again at another time than when their visibility timeout has run out. */
  returnAfter(receiptHandles: readonly string[], ms: number): void {
    const ids = new Set(receiptHandles.map((handle) => handle.split('-')[0]));
    for (const message of this.#messages) {
      if (ids.has(message.id)) message.visibleAtMs = this.#world.time.elapsedMs + ms;
    }
    this.#world.time.after(ms, this.#arrived);
  }

  async #send(entries: Entries, sandbox: Sandbox): Promise<object> {
    await this.#world.time.wait(this.#world.random.between(1, 10));
    if (!sandbox.alive) return {};
    if (this.#world.fault(0.02)) throw new Error('ServiceUnavailable');
    const lost = this.#world.fault(0.03);
    const Successful = entries.map((entry) => {
      const id = this.#take(entry.MessageGroupId ?? '', entry.MessageBody ?? '', entry, lost);
      return { Id: entry.Id, MessageId: id, MD5OfMessageBody: '' };
    });
    if (this.#world.fault(0.02)) throw new Error('TimeoutError');
    this.#arrived();
    return { Successful };
  }

  #take(
    group: string,
    body: string,
    {
      MessageDeduplicationId: deduplicationId = '',
    }: { readonly MessageDeduplicationId?: string | undefined },
    lost: boolean,
  ): string {
    const nowMs = this.#world.time.elapsedMs;
    const known = this.#recent.get(deduplicationId);
    if (known !== undefined && known.untilMs > nowMs) return known.id;
    this.#count += 1;
    const id = `m${this.#count}`;
    this.#recent.set(deduplicationId, { id, untilMs: nowMs + DEDUPLICATION_MS });
    const kind = /"kind":"(\w+)"/.exec(body)?.[1] ?? '';
    this.#world.tell(`queue: ${id} ${kind} in group ${group}${lost ? ', which gets lost' : ''}`);
    if (!lost) this.#messages.push({ id, group, body, deduplicationId, received: 0, visibleAtMs: 0 });
    return id;
  }
}

function recordOf({ id, group, body, deduplicationId, received }: Message): SQSRecord {
  return {
    messageId: id,
    receiptHandle: `${id}-${received}`,
    body,
    attributes: {
      ApproximateReceiveCount: String(received),
      SentTimestamp: '1800000000000',
      SenderId: 'sender',
      ApproximateFirstReceiveTimestamp: '1800000000000',
      SequenceNumber: '1',
      MessageGroupId: group,
      MessageDeduplicationId: deduplicationId,
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:hitless.fifo',
    awsRegion: 'us-east-1',
  };
}
