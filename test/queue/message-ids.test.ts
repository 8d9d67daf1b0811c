import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deduplicationId, messageGroupId } from '../../lib/queue/message-ids.ts';
import type {
  ApplyMessage,
  ChangedMessage,
  QueueMessage,
  ReconcileMessage,
} from '../../lib/queue/messages.ts';
import { anyChanged, anyMessage } from './any-message.ts';

const changed: ChangedMessage = {
  version: 1,
  kind: 'changed',
  fleet: 'edge',
  service: 'web',
  index: '29',
  receivedAtMs: 1_000,
  entries: [
    {
      address: '10.0.0.1',
      port: 80,
      tags: ['a', 'b'],
      status: 'passing',
      weights: { passing: 1, warning: 1 },
    },
  ],
};
const reconcile: ReconcileMessage = { version: 1, kind: 'reconcile', fleet: 'edge', requestedAtMs: 60_000 };
const apply: ApplyMessage = { version: 1, kind: 'apply', fleet: 'edge', shard: 0, generation: 7 };
const [entry] = changed.entries ?? [];

describe('the group', () => {
  test.each([
    { message: changed, group: 'edge' },
    { message: reconcile, group: 'edge' },
    { message: { ...apply, shard: 3 }, group: 'edge/3' },
  ])('of $message.kind is $group', ({ message, group }) => {
    expect(messageGroupId(message)).toBe(group);
  });

  test('is one that SQS takes, also with the longest names, and still one for each shard', () => {
    const fleet = 'x'.repeat(128);
    const groups = [changed, { ...apply, fleet }, { ...apply, fleet, shard: 1 }].map(messageGroupId);
    expect(new Set(groups).size).toBe(3);
    for (const group of groups) expect(group).toMatch(/^[!-~]{1,128}$/);
  });
});

describe('one message, told twice', () => {
  test.each<{ what: string; one: QueueMessage; other: QueueMessage }>([
    { what: 'an event from another agent', one: changed, other: { ...changed, receivedAtMs: 2_000 } },
    {
      what: 'a reconcile in the same minute',
      one: reconcile,
      other: { ...reconcile, requestedAtMs: 119_999 },
    },
    { what: 'an apply', one: apply, other: { ...apply } },
  ])('$what', ({ one, other }) => {
    expect(deduplicationId(other)).toBe(deduplicationId(one));
  });

  test('whatever the order of entries and tags', () => {
    const shuffledToo = anyChanged.chain((message) =>
      fc.tuple(
        fc.constant(message),
        shuffled(message.entries ?? []).map((entries) => ({ ...message, entries })),
      ),
    );
    fc.assert(
      fc.property(shuffledToo, ([message, other]) => {
        const entries = other.entries.map((one) => ({ ...one, tags: [...one.tags].reverse() }));
        const asked = { ...message, entries: message.entries ?? [] };
        expect(deduplicationId({ ...other, entries })).toBe(deduplicationId(asked));
      }),
    );
  });
});

describe('another message', () => {
  test.each<{ what: string; one: QueueMessage; other: QueueMessage }>([
    { what: 'another fleet', one: changed, other: { ...changed, fleet: 'core' } },
    { what: 'another service', one: changed, other: { ...changed, service: 'api' } },
    { what: 'another index', one: changed, other: { ...changed, index: '30' } },
    { what: 'no index', one: changed, other: { ...changed, index: null } },
    { what: 'no entries', one: changed, other: { ...changed, entries: [] } },
    { what: 'entries unknown', one: { ...changed, entries: [] }, other: { ...changed, entries: null } },
    {
      what: 'the same entry twice',
      one: changed,
      other: { ...changed, entries: entry ? [entry, entry] : [] },
    },
    {
      what: 'another status',
      one: changed,
      other: { ...changed, entries: entry ? [{ ...entry, status: 'warning' }] : [] },
    },
    {
      what: 'tags glued together',
      one: changed,
      other: { ...changed, entries: entry ? [{ ...entry, tags: ['a","b'] }] : [] },
    },
    { what: 'the next minute', one: reconcile, other: { ...reconcile, requestedAtMs: 120_000 } },
    { what: 'another shard', one: apply, other: { ...apply, shard: 1 } },
    { what: 'the next generation', one: apply, other: { ...apply, generation: 8 } },
    {
      what: 'digits that move over',
      one: { ...apply, shard: 1, generation: 11 },
      other: { ...apply, shard: 11, generation: 1 },
    },
  ])('$what', ({ one, other }) => {
    expect(deduplicationId(other)).not.toBe(deduplicationId(one));
  });

  test('the same again, with a salt', () => {
    expect(deduplicationId(apply, 'again')).not.toBe(deduplicationId(apply));
    expect(deduplicationId(apply, 'again')).toBe(deduplicationId(apply, 'again'));
  });
});

test('an id is 64 hexadecimal digits, whatever the message', () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      expect(deduplicationId(message)).toMatch(/^[0-9a-f]{64}$/);
    }),
  );
});

function shuffled<T>(items: readonly T[]): fc.Arbitrary<T[]> {
  return fc.shuffledSubarray([...items], { minLength: items.length });
}
