import { describe, expect, test } from 'vitest';
import { groupsOf } from '../../functions/batch-groups.ts';
import type { ServiceEntry } from '../../lib/model/service-entry.ts';
import type { ApplyMessage, ChangedMessage, ReconcileMessage } from '../../lib/queue/messages.ts';
import { sqsRecord } from './sqs-record.ts';

const FLEETS = new Set(['edge', 'inner']);

function changed(differences: Partial<ChangedMessage> = {}): ChangedMessage {
  return {
    version: 1,
    kind: 'changed',
    fleet: 'edge',
    service: 'web',
    index: '1',
    receivedAtMs: 1_000,
    entries: [entry('10.0.0.1')],
    ...differences,
  };
}

const reconcile: ReconcileMessage = { version: 1, kind: 'reconcile', fleet: 'edge', requestedAtMs: 500 };

function apply(shard: number, generation: number): ApplyMessage {
  return { version: 1, kind: 'apply', fleet: 'edge', shard, generation };
}

function entry(address: string): ServiceEntry {
  return { address, port: 80, tags: [], status: 'passing', weights: { passing: 1, warning: 1 } };
}

function read(...bodies: Parameters<typeof sqsRecord>[0]['body'][]) {
  const records = bodies.map((body) => sqsRecord({ body }));
  return { ids: records.map(({ messageId }) => messageId), groups: groupsOf(records, FLEETS) };
}

describe('the records of one fleet are one pass', () => {
  test('with the entries of the newest event of each service', () => {
    const { ids, groups } = read(
      changed({ index: '9', entries: [entry('10.0.0.1')], receivedAtMs: 2_000 }),
      changed({ service: 'api', entries: [entry('10.0.1.1')], receivedAtMs: 1_500 }),
      reconcile,
      changed({ index: '3', entries: [entry('10.0.0.2')], receivedAtMs: 3_000 }),
    );
    expect(groups).toEqual([
      {
        id: 'edge',
        work: [
          {
            kind: 'pass',
            fleet: 'edge',
            entries: new Map([
              ['web', [entry('10.0.0.2')]],
              ['api', [entry('10.0.1.1')]],
            ]),
            oldestEventMs: 1_500,
          },
        ],
        messageIds: ids,
        bad: null,
      },
    ]);
  });

  test('without entries when the newest event had too many of them', () => {
    const { groups } = read(changed(), changed({ entries: null }));
    expect(groups).toMatchObject([{ work: [{ entries: new Map() }] }]);
  });

  test('with no event time when there is only a reconcile', () => {
    expect(read(reconcile).groups).toMatchObject([{ work: [{ oldestEventMs: null }] }]);
  });
});

test('several applications to one shard are one, another shard is a group of its own', () => {
  const { groups } = read(apply(0, 7), apply(1, 7), apply(0, 8));
  expect(groups).toMatchObject([
    { id: 'edge/0', work: [{ kind: 'apply', fleet: 'edge', shard: 0 }] },
    { id: 'edge/1', work: [{ kind: 'apply', fleet: 'edge', shard: 1 }] },
  ]);
  expect(groups.map(({ messageIds }) => messageIds.length)).toEqual([2, 1]);
});

test('an application is for an event as soon as one of its messages is', () => {
  const [plain, event] = [apply(0, 7), { ...apply(0, 8), hurry: true } as const];
  expect(read(plain, plain).groups).toMatchObject([{ work: [{ hurry: false }] }]);
  expect(read(plain, event).groups).toMatchObject([{ work: [{ hurry: true }] }]);
  expect(read(event, plain).groups).toMatchObject([{ work: [{ hurry: true }] }]);
});

describe('a bad record', () => {
  test.each([
    { what: 'no JSON', body: 'poison' },
    { what: 'another version', body: JSON.stringify({ ...reconcile, version: 2 }) },
    { what: 'another kind', body: JSON.stringify({ ...reconcile, kind: 'dance' }) },
    { what: 'a fleet that there is not', body: JSON.stringify({ ...reconcile, fleet: 'gone' }) },
  ])('($what) keeps no other one from being handled', ({ body }) => {
    const { ids, groups } = read(
      changed({ entries: [entry('10.0.0.1')] }),
      body,
      changed({ fleet: 'inner' }),
      changed({ entries: [entry('10.0.0.3')] }),
    );
    expect(groups).toMatchObject([
      {
        id: 'edge',
        work: [{ kind: 'pass', entries: new Map([['web', [entry('10.0.0.3')]]]) }],
        messageIds: [ids[0], ids[3]],
        bad: { messageIds: [ids[1]], reason: expect.stringContaining('not a message of Hitless') },
      },
      { id: 'inner', messageIds: [ids[2]], bad: null },
    ]);
  });

  test('alone leaves its group nothing to do', () => {
    const { groups } = read('poison');
    expect(groups).toMatchObject([{ work: [], messageIds: [] }]);
  });

  test('that comes twice is told once', () => {
    const { ids, groups } = read('poison', 'poison');
    expect(groups).toMatchObject([{ bad: { messageIds: ids } }]);
    expect(groups[0]?.bad?.reason.match(/not a message of Hitless/g)).toHaveLength(1);
  });
});
