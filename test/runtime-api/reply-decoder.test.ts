import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ReplyDecoder } from '../../lib/runtime-api/reply-decoder.ts';
import { recordings } from './recorded/recordings.ts';

const recorded = recordings.map(({ release, exchanges }) => ({
  release,
  bytes: Buffer.from(exchanges.map(({ reply }) => reply).join('')),
  replies: exchanges.map(({ reply }) => reply.slice(0, -'\n> '.length)),
}));

test('fixtures of at least HAProxy 2.6 and 3.0 are there', () => {
  expect(recordings.map(({ release }) => release)).toEqual(expect.arrayContaining(['2.6', '3.0']));
});

describe.each(recorded)('everything that HAProxy $release said', ({ bytes, replies }) => {
  test('in one chunk', () => {
    const decoder = new ReplyDecoder();
    expect(decoder.push(bytes)).toEqual(replies);
    expect(decoder.atBoundary).toBe(true);
  });

  test('byte by byte', () => {
    const decoder = new ReplyDecoder();
    expect([...bytes].flatMap((byte) => decoder.push(Uint8Array.of(byte)))).toEqual(replies);
    expect(decoder.atBoundary).toBe(true);
  });

  test('cut anywhere', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 20 }), (cuts) => {
        const decoder = new ReplyDecoder();
        const ends = [...cuts.sort((one, other) => one - other), bytes.length];
        const chunks = ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
        expect(chunks.flatMap((chunk) => decoder.push(chunk))).toEqual(replies);
      }),
    );
  });
});

const framing = [
  { what: 'nothing to say', bytes: '\n> ', replies: [''] },
  {
    what: 'a message that ends with its own newline',
    bytes: 'No such server.\n\n> ',
    replies: ['No such server.\n'],
  },
  {
    what: 'a message without one (2.2 and 2.6 have such)',
    bytes: 'Empty weight\n> ',
    replies: ['Empty weight'],
  },
  {
    what: 'a refusal between two successes',
    bytes: '\n> No such server.\n\n> \n> ',
    replies: ['', 'No such server.\n', ''],
  },
  {
    what: 'newlines and prompts that are not the end',
    bytes: 'a\n\n>b > \n\n\n> ',
    replies: ['a\n\n>b > \n\n'],
  },
  { what: 'a name outside ASCII', bytes: 'sérver ✓\n\n> ', replies: ['sérver ✓\n'] },
];

describe.each(framing)('$what', ({ bytes, replies }) => {
  const whole = new TextEncoder().encode(bytes);

  test('in one chunk', () => {
    expect(new ReplyDecoder().push(whole)).toEqual(replies);
  });

  test('byte by byte', () => {
    const decoder = new ReplyDecoder();
    expect([...whole].flatMap((byte) => decoder.push(Uint8Array.of(byte)))).toEqual(replies);
  });
});

test('a half-received reply is waited for', () => {
  const decoder = new ReplyDecoder();
  expect(decoder.push(Buffer.from('No such server.\n\n>'))).toEqual([]);
  expect(decoder.atBoundary).toBe(false);
  expect(decoder.push(Buffer.from(' '))).toEqual(['No such server.\n']);
  expect(decoder.atBoundary).toBe(true);
});

test('a reply that does not end within the ceiling is an error', () => {
  const decoder = new ReplyDecoder(1_000);
  expect(decoder.push(Buffer.alloc(600, 'x'))).toEqual([]);
  expect(() => decoder.push(Buffer.alloc(600, 'x'))).toThrow(RangeError);
});

test('the ceiling is for one reply, not for all of them', () => {
  const decoder = new ReplyDecoder(1_000);
  const reply = Buffer.from(`${'x'.repeat(900)}\n> `);
  for (let count = 0; count < 10; count += 1) expect(decoder.push(reply)).toHaveLength(1);
});
