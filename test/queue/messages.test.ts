import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ServiceEntry } from '../../lib/model/service-entry.ts';
import { MessageInvalid } from '../../lib/queue/message-invalid.ts';
import { type ChangedMessage, decodeMessage, encodeMessage } from '../../lib/queue/messages.ts';
import { anyMessage } from './any-message.ts';

const changed: ChangedMessage = {
  version: 1,
  kind: 'changed',
  fleet: 'edge',
  service: 'web',
  index: '29',
  receivedAtMs: 1_700_000_000_000,
  entries: [],
};

const entry: ServiceEntry = {
  address: '10.0.0.1',
  port: 80,
  tags: ['é'],
  status: 'passing',
  weights: { passing: 1, warning: 1 },
};

test('a message comes back as it went, whatever is in it', () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      expect(decodeMessage(encodeMessage(message))).toEqual(message);
    }),
    { numRuns: 500 },
  );
});

test('a body has only characters that SQS takes', () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      expect(encodeMessage(message)).toMatch(/^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}]*$/u);
    }),
    { numRuns: 500 },
  );
});

describe('entries are carried up to 256 KiB, counted in bytes of the whole body', () => {
  const limit = 256 * 1024;
  /** A message of exactly `bytes`, most of them in two-byte letters. */
  function ofSize(bytes: number): ChangedMessage {
    const withTag = (tag: string) => ({ ...changed, entries: [{ ...entry, tags: [tag] }] });
    const room = bytes - Buffer.byteLength(JSON.stringify(withTag('')));
    return withTag('é'.repeat(Math.floor(room / 2)) + 'x'.repeat(room % 2));
  }

  test('just', () => {
    const body = encodeMessage(ofSize(limit));
    expect(Buffer.byteLength(body)).toBe(limit);
    expect(decodeMessage(body)).toEqual(ofSize(limit));
  });

  test('and not a byte more: then the message goes without', () => {
    expect(decodeMessage(encodeMessage(ofSize(limit + 1)))).toEqual({ ...changed, entries: null });
  });

  test('which is well over a thousand endpoints', () => {
    const entries = Array.from({ length: 1_500 }, (_, n) => ({
      ...entry,
      address: `10.1.${n >> 8}.${n & 255}`,
    }));
    expect(decodeMessage(encodeMessage({ ...changed, entries }))).toEqual({ ...changed, entries });
  });
});

describe('what is not ours is refused with a reason', () => {
  test.each([
    { what: 'nothing', body: '', reason: 'not JSON' },
    { what: 'half a message', body: '{"version":1,', reason: 'not JSON' },
    { what: 'null', body: 'null', reason: 'Expected Object' },
    { what: 'a list', body: '[]', reason: 'kind' },
    { what: 'an unknown kind', body: '{"version":1,"kind":"drop"}', reason: 'kind: ' },
    {
      what: 'a later version',
      body: '{"version":2,"kind":"changed"}',
      reason: 'version 2, where this Hitless reads',
    },
    { what: 'no version', body: JSON.stringify({ ...changed, version: undefined }), reason: 'version' },
    {
      what: 'a fleet that is a path',
      body: JSON.stringify({ ...changed, fleet: '../x' }),
      reason: 'fleet: expected',
    },
    { what: 'an index as a number', body: JSON.stringify({ ...changed, index: 29 }), reason: 'index' },
    { what: 'no service', body: JSON.stringify({ ...changed, service: '' }), reason: 'service' },
    {
      what: 'an endless port',
      body: JSON.stringify({ ...changed, entries: [entry] }).replace('80', '1e999'),
      reason: 'entries.0.port',
    },
    {
      what: 'a status of no meaning',
      body: JSON.stringify({ ...changed, entries: [{ ...entry, status: 'x' }] }),
      reason: 'status',
    },
    {
      what: 'shard -1',
      body: '{"version":1,"kind":"apply","fleet":"edge","shard":-1,"generation":1}',
      reason: 'shard',
    },
    {
      what: 'generation 0',
      body: '{"version":1,"kind":"apply","fleet":"edge","shard":0,"generation":0}',
      reason: 'generation',
    },
  ])('$what', ({ body, reason }) => {
    expect(() => decodeMessage(body)).toThrow(MessageInvalid);
    expect(() => decodeMessage(body)).toThrow(`not a message of Hitless: `);
    expect(() => decodeMessage(body)).toThrow(reason);
  });

  test('whatever it is: no other error ever comes out', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.json(),
          fc.object().map((o) => JSON.stringify(o)),
        ),
        (body) => {
          expect(() => decodeMessage(body)).toThrow(MessageInvalid);
        },
      ),
    );
  });
});
