/**
 * What a batch of SQS records asks for: for each message group, the work that its records amount to.
 *
 * A batch may mix groups, and holds up to ten records of each, in order. Passes look at the whole state, so all
 * `changed` and `reconcile` records of one fleet are one pass, and all `apply` records of one shard one application.
 * For the same reason a record that cannot be handled keeps no other one from being handled: were those behind it to
 * wait, they would be received as often as it is, and end in the dead-letter queue with it.
 */

import type { SQSRecord } from 'aws-lambda';
import type { ServiceEntry } from '../lib/model/service-entry.ts';
import { MessageInvalid } from '../lib/queue/message-invalid.ts';
import { decodeMessage, type QueueMessage } from '../lib/queue/messages.ts';

export interface Pass {
  readonly kind: 'pass';
  readonly fleet: string;
  /** What the newest event of each service carried; a service whose newest event carried nothing is absent. */
  readonly entries: ReadonlyMap<string, readonly ServiceEntry[]>;
  /** When the oldest of the events came, in milliseconds since 1970; null: there is none, only a reconcile. */
  readonly oldestEventMs: number | null;
}

export interface ShardApplication {
  readonly kind: 'apply';
  readonly fleet: string;
  readonly shard: number;
  /** One of the messages is for an event. */
  readonly hurry: boolean;
}

export interface Group {
  readonly id: string;
  /** What the records that can be handled amount to. */
  readonly work: readonly (Pass | ShardApplication)[];
  /** Ids of the records whose work that is. */
  readonly messageIds: readonly string[];
  /** The records that cannot be handled, now or later; null: there is none. */
  readonly bad: BadRecords | null;
}

export interface BadRecords {
  /** Why, each reason once. */
  readonly reason: string;
  readonly messageIds: readonly string[];
  readonly receiptHandles: readonly string[];
}

/** @param fleets names of the fleets there are; a message for another one is a bad one. */
export function groupsOf(records: readonly SQSRecord[], fleets: ReadonlySet<string>): Group[] {
  const byGroup = Map.groupBy(records, (record) => record.attributes.MessageGroupId ?? '');
  return [...byGroup].map(([id, own]) => readGroup(id, own, fleets));
}

function readGroup(id: string, records: readonly SQSRecord[], fleets: ReadonlySet<string>): Group {
  const messages: QueueMessage[] = [];
  const good: SQSRecord[] = [];
  const bad: SQSRecord[] = [];
  const reasons = new Set<string>();
  for (const record of records) {
    const message = read(record.body, fleets);
    if (message instanceof MessageInvalid) {
      bad.push(record);
      reasons.add(message.message);
    } else {
      good.push(record);
      messages.push(message);
    }
  }
  return {
    id,
    work: workOf(messages),
    messageIds: good.map(({ messageId }) => messageId),
    bad: bad.length === 0 ? null : badRecords(bad, reasons),
  };
}

function badRecords(records: readonly SQSRecord[], reasons: ReadonlySet<string>): BadRecords {
  return {
    reason: [...reasons].join('; '),
    messageIds: records.map(({ messageId }) => messageId),
    receiptHandles: records.map(({ receiptHandle }) => receiptHandle),
  };
}

function read(body: string, fleets: ReadonlySet<string>): QueueMessage | MessageInvalid {
  try {
    const message = decodeMessage(body);
    if (fleets.has(message.fleet)) return message;
    return new MessageInvalid(`there is no fleet ${JSON.stringify(message.fleet)} in hitless.yml`);
  } catch (error) {
    if (error instanceof MessageInvalid) return error;
    throw error;
  }
}

function workOf(messages: readonly QueueMessage[]): readonly (Pass | ShardApplication)[] {
  const passes = Map.groupBy(messages.filter(asksForPass), ({ fleet }) => fleet);
  const applications = new Map<string, ShardApplication>();
  for (const message of messages) {
    if (message.kind !== 'apply') continue;
    const { fleet, shard } = message;
    const key = `${fleet}/${shard}`;
    const hurry = message.hurry === true || applications.get(key)?.hurry === true;
    applications.set(key, { kind: 'apply', fleet, shard, hurry });
  }
  return [...[...passes].map(([fleet, own]) => onePass(fleet, own)), ...applications.values()];
}

type PassMessage = Exclude<QueueMessage, { kind: 'apply' }>;

function asksForPass(message: QueueMessage): message is PassMessage {
  return message.kind !== 'apply';
}

function onePass(fleet: string, messages: readonly PassMessage[]): Pass {
  const entries = new Map<string, readonly ServiceEntry[]>();
  let oldestEventMs: number | null = null;
  for (const message of messages) {
    if (message.kind === 'reconcile') continue;
    oldestEventMs = Math.min(oldestEventMs ?? message.receivedAtMs, message.receivedAtMs);
    if (message.entries === null) entries.delete(message.service);
    else entries.set(message.service, message.entries);
  }
  return { kind: 'pass', fleet, entries, oldestEventMs };
}
