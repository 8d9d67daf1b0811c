import { expect, test } from 'vitest';
import { showCliLevel } from '../../../lib/runtime-api/commands/show-cli-level.ts';
import { repliesTo } from '../recorded/replies.ts';

test.each(repliesTo('show cli level'))('an admin is told so, HAProxy $release', ({ reply }) => {
  expect(showCliLevel.read(undefined, reply)).toBe('admin');
});

test.each(repliesTo('show cli level', 'operator'))('an operator is told so, HAProxy $release', ({
  reply,
}) => {
  expect(showCliLevel.read(undefined, reply)).toBe('operator');
});

test.each(repliesTo('show servers state nope'))('a message is a refusal, HAProxy $release', ({ reply }) => {
  expect(() => showCliLevel.read(undefined, reply)).toThrow(
    expect.objectContaining({ code: 'RUNTIME_API_COMMAND_REFUSED' }),
  );
});

test('a level that is not known is not guessed at', () => {
  expect(() => showCliLevel.read(undefined, 'root\n')).toThrow(
    expect.objectContaining({ code: 'RUNTIME_API_REPLY_NOT_UNDERSTOOD', why: 'its level is root' }),
  );
});
