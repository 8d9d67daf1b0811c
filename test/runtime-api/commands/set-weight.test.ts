import { describe, expect, test } from 'vitest';
import type { RuntimeCommand } from '../../../lib/model/command.ts';
import { setWeight } from '../../../lib/runtime-api/commands/set-weight.ts';
import { repliesTo } from '../recorded/replies.ts';

type SetWeight = Extract<RuntimeCommand, { kind: 'set-weight' }>;

const asked: SetWeight = { kind: 'set-weight', backend: 'fixed', server: 'six', weight: 5 };

test.each([0, 1, 256])('%i is a weight', (weight) => {
  expect(setWeight.encode({ ...asked, weight })).toBe(`set server fixed/six weight ${weight}`);
});

test.each([-1, 257, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('%d is no weight', (weight) => {
  expect(() => setWeight.encode({ ...asked, weight })).toThrow(RangeError);
});

test('a server by its id never becomes a command', () => {
  expect(() => setWeight.encode({ ...asked, server: '#1' })).toThrow(RangeError);
});

describe.each([
  'set server fixed/six weight 0',
  'set server fixed/six weight 256',
  'set server static/one weight 1',
])('`%s`', (line) => {
  test.each(repliesTo(line))('is done, says HAProxy $release', ({ reply }) => {
    expect(setWeight.read(asked, reply)).toEqual({ done: true });
  });
});

describe.each([
  {
    line: 'set server fixed/six weight 257',
    words: 'Absolute weight can only be between 0 and 256 inclusive.',
  },
  { line: 'set server fixed/six weight abc', words: 'Empty weight string empty or preceded by garbage' },
  { line: 'set server fixed/nope weight 1', words: 'No such server.' },
  {
    line: 'set server static/one weight 5',
    words: "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.",
  },
])('`$line`', ({ line, words }) => {
  test.each(repliesTo(line))('is refused in its own words by HAProxy $release', ({ reply }) => {
    expect(setWeight.read(asked, reply)).toMatchObject({
      done: false,
      refused: { command: 'set server fixed/six weight 5', reply: words },
    });
  });
});
