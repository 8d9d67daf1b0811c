import { describe, expect, test } from 'vitest';
import type { RuntimeCommand } from '../../../lib/model/command.ts';
import { setState } from '../../../lib/runtime-api/commands/set-state.ts';
import { repliesTo } from '../recorded/replies.ts';

type SetState = Extract<RuntimeCommand, { kind: 'set-state' }>;

const drain: SetState = { kind: 'set-state', backend: 'fixed', server: 'six', state: 'drain' };

test.each(['ready', 'drain', 'maint'] as const)('%s is written as it is', (state) => {
  expect(setState.encode({ ...drain, state })).toBe(`set server fixed/six state ${state}`);
});

test.each([
  '#1',
  '',
  'a b',
  'six;quit',
  'six\nquit',
  'six\0',
  'a<<',
  'six\\',
  'x'.repeat(129),
])('a server called %j never becomes a command', (server) => {
  expect(() => setState.encode({ ...drain, server })).toThrow(RangeError);
  expect(() => setState.encode({ ...drain, backend: server })).toThrow(RangeError);
});

describe.each([
  'set server fixed/six state drain',
  'set server fixed/six state ready',
  'set server fixed/six state maint',
  'set server fixed/tracking state ready',
])('`%s`', (line) => {
  test.each(repliesTo(line))('is done, says HAProxy $release', ({ reply }) => {
    expect(setState.read(drain, reply)).toEqual({ done: true });
  });
});

describe.each([
  { line: 'set server fixed/nope state ready', words: 'No such server.' },
  { line: 'set server nope/six state ready', words: 'No such backend.' },
  {
    line: 'set server fixed/six state up',
    words: "'set server <srv> state' expects 'ready', 'drain' and 'maint'.",
  },
])('`$line`', ({ line, words }) => {
  test.each(repliesTo(line))('is refused in its own words by HAProxy $release', ({ reply }) => {
    expect(setState.read(drain, reply)).toMatchObject({
      done: false,
      refused: { command: 'set server fixed/six state drain', reply: words },
    });
  });
});

test.each([
  ...repliesTo('set server be/nope state maint', 'severity-number'),
  ...repliesTo('set server be/nope state maint', 'severity-string'),
])('the severity that HAProxy $release puts before its words is left out', ({ reply }) => {
  expect(setState.read(drain, reply)).toMatchObject({ done: false, refused: { reply: 'No such server.' } });
});

test.each(
  repliesTo('set server be/websrv2 state ready', 'operator'),
)('HAProxy $release without level admin is a refusal', ({ reply }) => {
  expect(setState.read(drain, reply)).toMatchObject({ done: false, refused: { reply: 'Permission denied' } });
});

test('an answer that belongs to another command is not a success', () => {
  expect(setState.read(drain, 'nothing changed\n')).toMatchObject({ done: false });
});
