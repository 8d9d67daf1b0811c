/** How a FIFO queue tells messages apart: the group that is worked off in order, and what counts as the same message. */

import { createHash } from 'node:crypto';
import type { ServiceEntry } from '../model/service-entry.ts';
import type { QueueMessage } from './messages.ts';

/** SQS: 1 to 128 letters, digits and punctuation characters. */
const LONGEST_GROUP = 128;
const MINUTE_MS = 60_000;

/** The fleet; for `apply`, `FLEET/SHARD`. A name that is too long for SQS is replaced by its digest. */
export function messageGroupId(message: QueueMessage): string {
  const group = message.kind === 'apply' ? `${message.fleet}/${message.shard}` : message.fleet;
  return group.length <= LONGEST_GROUP ? group : digestOf([group]);
}

/**
 * Equal for messages of which the queue shall keep one (SQS forgets ids after 5 minutes), in lower-case hex.
 *
 * - `changed`: the same fleet, service, index and entries; the order of entries and tags does not count (Consul's
 *   own order flips), nor does when it was received. Ask before the entries are dropped for their size.
 * - `reconcile`: one per fleet and minute, counted in UTC.
 * - `apply`: one per fleet, shard and generation.
 *
 * @param salt makes a message that would count as a repetition count as a new one.
 */
export function deduplicationId(message: QueueMessage, salt = ''): string {
  return digestOf([message.kind, message.fleet, salt, ...contentOf(message)]);
}

function contentOf(message: QueueMessage): unknown[] {
  switch (message.kind) {
    case 'changed':
      return [message.service, message.index, message.entries?.map(canonical).sort() ?? null];
    case 'reconcile':
      return [Math.floor(message.requestedAtMs / MINUTE_MS)];
    case 'apply':
      return [message.shard, message.generation];
  }
}

function canonical({ address, port, tags, status, weights }: ServiceEntry): string {
  return JSON.stringify([address, port, [...tags].sort(), status, weights.passing, weights.warning]);
}

/** JSON keeps the parts apart: no text can pass for the end of one and the beginning of the next. */
function digestOf(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
