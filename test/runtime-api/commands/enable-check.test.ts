import { expect, test } from 'vitest';
import type { RuntimeCommand } from '../../../lib/model/command.ts';
import { enableCheck } from '../../../lib/runtime-api/commands/enable-check.ts';
import { repliesTo } from '../recorded/replies.ts';

type EnableCheck = Extract<RuntimeCommand, { kind: 'enable-health' | 'enable-agent' }>;

const health: EnableCheck = { kind: 'enable-health', backend: 'be', server: 'added' };

function since26(line: string) {
  return repliesTo(line).filter(({ release }) => release !== '2.2');
}

test('each kind of check has its word', () => {
  expect(enableCheck.encode(health)).toBe('enable health be/added');
  expect(enableCheck.encode({ ...health, kind: 'enable-agent' })).toBe('enable agent be/added');
});

test.each(['#1', '', 'a b', 'a;quit', 'a\n'])('a server called %j never becomes a command', (server) => {
  expect(() => enableCheck.encode({ ...health, server })).toThrow(RangeError);
});

test.each(since26('enable health be/added'))('is done, says HAProxy $release', ({ reply }) => {
  expect(enableCheck.read(health, reply)).toEqual({ done: true });
});

test.each([
  ...since26('enable health be/plain').map((one) => ({ ...one, words: 'Health check was not configured' })),
  ...since26('enable agent be/plain').map((one) => ({ ...one, words: 'Agent was not configured' })),
  ...repliesTo('enable health be/nope').map((one) => ({ ...one, words: 'No such server.' })),
])('HAProxy $release says no: $words', ({ reply, words }) => {
  expect(enableCheck.read(health, reply)).toMatchObject({
    done: false,
    refused: { reply: expect.stringContaining(words) },
  });
});
