/** What goes through the queue: JSON with a version. */

import * as v from 'valibot';
import { LARGEST_MESSAGE_BYTES } from '../model/limits.ts';
import { isKeyName } from '../model/names.ts';
import type { ServiceEntry } from '../model/service-entry.ts';
import { MessageInvalid } from './message-invalid.ts';

/** Consul said that a service changed. */
export interface ChangedMessage {
  readonly version: 1;
  readonly kind: 'changed';
  readonly fleet: string;
  readonly service: string;
  /** `X-Consul-Index`: text, for it can be larger than a number holds. */
  readonly index: string | null;
  readonly receivedAtMs: number;
  /** What the event said, in case that Consul cannot be asked; null: it was too much for a message. */
  readonly entries: readonly ServiceEntry[] | null;
}

/** Compare Consul and every instance of a fleet, and repair what differs. */
export interface ReconcileMessage {
  readonly version: 1;
  readonly kind: 'reconcile';
  readonly fleet: string;
  readonly requestedAtMs: number;
}

/** Bring one shard of a fleet to a generation, or to a later one. */
export interface ApplyMessage {
  readonly version: 1;
  readonly kind: 'apply';
  readonly fleet: string;
  /** From 0. */
  readonly shard: number;
  readonly generation: number;
  /** It is for an event; absent: for a reconcile. */
  readonly hurry?: true;
}

export type QueueMessage = ChangedMessage | ReconcileMessage | ApplyMessage;

const VERSION = 1;

const version = v.literal(VERSION);
const fleet = v.pipe(v.string(), v.check(isKeyName, 'expected the name of a fleet'));
const timeMs = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const finite = v.pipe(v.number(), v.finite());

const serviceEntry = v.object({
  address: v.string(),
  port: finite,
  tags: v.array(v.string()),
  status: v.picklist(['passing', 'warning', 'critical', 'maintenance', 'unchecked']),
  weights: v.object({ passing: finite, warning: finite }),
}) satisfies v.GenericSchema<unknown, ServiceEntry>;

const queueMessage = v.variant('kind', [
  v.object({
    version,
    kind: v.literal('changed'),
    fleet,
    service: v.pipe(v.string(), v.nonEmpty()),
    index: v.nullable(v.string()),
    receivedAtMs: timeMs,
    entries: v.nullable(v.array(serviceEntry)),
  }),
  v.object({ version, kind: v.literal('reconcile'), fleet, requestedAtMs: timeMs }),
  v.object({
    version,
    kind: v.literal('apply'),
    fleet,
    shard: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
    generation: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
    hurry: v.exactOptional(v.literal(true)),
  }),
]) satisfies v.GenericSchema<unknown, QueueMessage>;

/**
 * The message as the body of an SQS message: at most 256 KiB of UTF-8, only characters that every SQS takes. A `changed`
 * message that would be larger is written without its entries.
 */
export function encodeMessage(message: QueueMessage): string {
  const whole = toJson(message);
  if (message.kind !== 'changed' || Buffer.byteLength(whole) <= LARGEST_MESSAGE_BYTES) return whole;
  return toJson({ ...message, entries: null });
}

/**
 * SQS refuses U+FFFE and U+FFFF, and fauxqs 2.4.1 all characters beyond U+FFFF: they are escaped, by UTF-16 unit. What
 * else SQS refuses is escaped in JSON anyway.
 */
function toJson(message: QueueMessage): string {
  return JSON.stringify(message).replace(
    /[\ud800-\udfff\ufffe\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16)}`,
  );
}

/** @throws MessageInvalid */
export function decodeMessage(body: string): QueueMessage {
  const data = parseJson(body);
  if (typeof data === 'object' && data !== null && 'version' in data && data.version !== VERSION) {
    throw new MessageInvalid(
      `version ${JSON.stringify(data.version)}, where this Hitless reads version ${VERSION}`,
    );
  }
  const parsed = v.safeParse(queueMessage, data, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const path = v.getDotPath(issue);
  throw new MessageInvalid(path === null ? issue.message : `${path}: ${issue.message}`);
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new MessageInvalid(`not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}
