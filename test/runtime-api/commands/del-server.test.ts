import { describe, expect, test } from 'vitest';
import type { RuntimeCommand } from '../../../lib/model/command.ts';
import { delServer } from '../../../lib/runtime-api/commands/del-server.ts';
import { recordings } from '../recorded/recordings.ts';
import { repliesTo } from '../recorded/replies.ts';

type DelServer = Extract<RuntimeCommand, { kind: 'del-server' }>;

const plain: DelServer = { kind: 'del-server', backend: 'be', server: 'plain' };

test('the line names the server', () => {
  expect(delServer.encode(plain)).toBe('del server be/plain');
});

test.each([
  '#1',
  '',
  'a b',
  'a;quit',
  'a\n',
  'a\\',
])('a server called %j never becomes a command', (server) => {
  expect(() => delServer.encode({ ...plain, server })).toThrow(RangeError);
});

describe.each(recordings.filter(({ release }) => release !== '2.2'))('HAProxy $release', ({ exchanges }) => {
  const replies = exchanges
    .filter(({ send, speaker }) => speaker === 'admin' && send === 'del server be/plain\n')
    .map(({ reply }) => reply.slice(0, -'\n> '.length));

  test('deletes a server in maintenance only, and one that is gone already is gone', () => {
    expect(replies.map((reply) => delServer.read(plain, reply))).toMatchObject([
      { done: false, refused: { reply: 'Only servers in maintenance mode can be deleted.' } },
      { done: true },
      { done: true },
    ]);
  });
});

test.each(
  repliesTo('del server nope/plain').filter(({ release }) => release !== '2.2'),
)('a backend that HAProxy $release does not have is a refusal', ({ reply }) => {
  expect(delServer.read(plain, reply)).toMatchObject({ done: false, refused: { reply: 'No such backend.' } });
});

test.each(
  repliesTo('del server nope/plain').filter(({ release }) => release === '2.2'),
)('the help text of HAProxy $release is a refusal', ({ reply }) => {
  expect(delServer.read(plain, reply)).toMatchObject({ done: false });
});
