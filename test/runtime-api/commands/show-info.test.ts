import { expect, test } from 'vitest';
import { showInfo } from '../../../lib/runtime-api/commands/show-info.ts';
import { repliesTo } from '../recorded/replies.ts';

test.each(repliesTo('show info'))('version, pid, uptime and start of HAProxy $release', ({
  release,
  reply,
}) => {
  expect(showInfo.read(undefined, reply)).toEqual({
    version: expect.stringMatching(new RegExp(`^${release}\\.\\d+`)),
    pid: expect.any(Number),
    uptimeSeconds: expect.any(Number),
    startedAtSeconds: release === '2.2' ? null : expect.any(Number),
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

const ANSWER = { Version: '2.6.12-1+deb12u1', Pid: '7', Uptime_sec: '3' };

test.each([
  {
    what: 'a pid that JavaScript does not hold',
    name: 'Pid',
    value: String(2n ** 60n),
    says: '1152921504606846976',
  },
  { what: 'a pid with a fraction', name: 'Pid', value: '1.5', says: '1.5' },
  { what: 'an uptime below zero', name: 'Uptime_sec', value: '-1', says: '-1' },
  {
    what: 'a version with escape sequences',
    name: 'Version',
    value: '2.6\x1b[2J\x07',
    says: '2.6\\x1b[2J\\x07',
  },
  { what: 'a version that turns the text around', name: 'Version', value: '2.\u202e6', says: '2.\\u{202e}6' },
  { what: 'a version of 5 kB', name: 'Version', value: '2'.repeat(5_000), says: `${'2'.repeat(59)}…` },
])('$what is one clear problem, short and visible', ({ name, value, says }) => {
  const reply = Object.entries({ ...ANSWER, [name]: value })
    .map((pair) => pair.join(': '))
    .join('\n');
  expect(() => showInfo.read(undefined, reply)).toThrow(
    expect.objectContaining({
      code: 'RUNTIME_API_REPLY_NOT_UNDERSTOOD',
      message: `cannot read what HAProxy answered to \`show info\`: its ${name} is ${says}`,
    }),
  );
});
