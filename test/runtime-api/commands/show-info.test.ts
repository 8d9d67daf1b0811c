import { expect, test } from 'vitest';
import { showInfo } from '../../../lib/runtime-api/commands/show-info.ts';
import { repliesTo } from '../recorded/replies.ts';

test.each(repliesTo('show info'))('version, pid and uptime of HAProxy $release', ({ release, reply }) => {
  expect(showInfo.read(undefined, reply)).toEqual({
    version: expect.stringMatching(new RegExp(`^${release}\\.\\d+`)),
    pid: expect.any(Number),
    uptimeSeconds: expect.any(Number),
  });
});

test.each(['Version', 'Pid', 'Uptime_sec'])('an answer without %s is not guessed at', (name) => {
  const lines = ['Name: HAProxy', 'Version: 2.6.12', 'Pid: 7', 'Uptime_sec: 3'];
  const reply = lines.filter((line) => !line.startsWith(name)).join('\n');
  expect(() => showInfo.read(undefined, reply)).toThrow(
    expect.objectContaining({ code: 'RUNTIME_API_REPLY_NOT_UNDERSTOOD', why: `it has no ${name}` }),
  );
});

test.each(repliesTo('show servers state nope'))('a message is a refusal, HAProxy $release', ({ reply }) => {
  expect(() => showInfo.read(undefined, reply)).toThrow(
    expect.objectContaining({ code: 'RUNTIME_API_COMMAND_REFUSED', reply: "Can't find backend." }),
  );
});
