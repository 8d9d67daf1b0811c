import { describe, expect, test } from 'vitest';
import type { RuntimeCommand } from '../../../lib/model/command.ts';
import { setAddr } from '../../../lib/runtime-api/commands/set-addr.ts';
import { repliesTo } from '../recorded/replies.ts';

type SetAddr = Extract<RuntimeCommand, { kind: 'set-addr' }>;

function asked(differing: Partial<SetAddr> = {}): SetAddr {
  return {
    kind: 'set-addr',
    backend: 'be',
    server: 'websrv1',
    address: '127.0.0.42',
    port: 8888,
    ...differing,
  };
}

test.each([
  { address: '127.0.0.42', port: 8888 },
  { address: '2001:db8::2', port: 1 },
  { address: '0.0.0.0', port: 80 },
  { address: '::', port: 65535 },
])('$address and $port are written as they are', ({ address, port }) => {
  expect(setAddr.encode(asked({ address, port }))).toBe(`set server be/websrv1 addr ${address} port ${port}`);
});

test.each([
  { what: 'a name to resolve', differing: { address: 'localhost' } },
  { what: 'a wildcard', differing: { address: '*' } },
  { what: 'shortened IPv4', differing: { address: '127.1' } },
  { what: 'an empty address', differing: { address: '' } },
  { what: 'an address with a port', differing: { address: '10.0.0.1:80' } },
  { what: 'an address with a zone', differing: { address: 'fe80::1%eth0' } },
  { what: 'an address in brackets', differing: { address: '[::1]' } },
  { what: 'a second command after a semicolon', differing: { address: '10.0.0.1;quit' } },
  { what: 'a second command on a line of its own', differing: { address: '10.0.0.1\nquit' } },
  { what: 'a newline at the end', differing: { address: '10.0.0.1\n' } },
  { what: 'a NUL', differing: { address: '10.0.0.1\0' } },
  { what: 'port 0', differing: { port: 0 } },
  { what: 'port 65536', differing: { port: 65536 } },
  { what: 'a negative port', differing: { port: -1 } },
  { what: 'a fraction of a port', differing: { port: 80.5 } },
  { what: 'no number', differing: { port: Number.NaN } },
  { what: 'a server by its id', differing: { server: '#1' } },
  { what: 'an empty server', differing: { server: '' } },
  { what: 'a server with a slash', differing: { server: 'a/b' } },
  { what: 'a backend with a space', differing: { backend: 'be x' } },
  { what: 'a backend by its id', differing: { backend: '#3' } },
])('$what never becomes a command', ({ differing }) => {
  expect(() => setAddr.encode(asked(differing))).toThrow(RangeError);
});

describe.each([
  'set server be/websrv1 addr 127.0.0.42 port 8888',
  'set server be/websrv1 addr 127.0.0.43 port 8888',
  'set server be/websrv1 addr 127.0.0.43 port 8889',
  'set server be/websrv1 addr 2001:db8::2 port 8889',
  'set server be/websrv1 addr 0.0.0.0 port 80',
])('`%s`', (line) => {
  test.each(repliesTo(line))('is done, says HAProxy $release', ({ reply }) => {
    expect(setAddr.read(asked(), reply)).toEqual({ done: true });
  });
});

describe.each(['severity-number', 'severity-string'] as const)('on a socket with %s', (speaker) => {
  test.each(
    repliesTo('set server be/websrv3 addr 127.0.0.1 port 80', speaker),
  )('a success is one, says HAProxy $release', ({ reply }) => {
    expect(setAddr.read(asked(), reply)).toEqual({ done: true });
  });
});

describe.each([
  {
    line: 'set server be/local addr 127.0.0.42 port 8888',
    words: /^Update for the current server address family/,
  },
  { line: 'set server be/nope addr 127.0.0.42 port 8888', words: /^No such server\.$/ },
  { line: 'set server nope/websrv1 addr 127.0.0.42 port 8888', words: /^No such backend\.$/ },
  { line: 'set server be/websrv1 addr localhost port 8888', words: /^Invalid addr 'localhost'/ },
  // 2.2 and 2.6 have taken the address by then, and their words begin like a success.
  {
    line: 'set server be/websrv2 addr 127.0.0.44 port abc',
    words: /problem converting port 'abc' to an int/,
  },
  { line: 'hitless is not a command', words: /^Unknown command/ },
  { line: 'set server fixed/six state ready', words: /^\(an empty reply\)$/ },
])('what HAProxy says to `$line`', ({ line, words }) => {
  test.each(repliesTo(line))('is a refusal in its own words on $release', ({ reply }) => {
    const outcome = setAddr.read(asked(), reply);
    expect(outcome).toMatchObject({
      done: false,
      refused: {
        code: 'RUNTIME_API_COMMAND_REFUSED',
        command: 'set server be/websrv1 addr 127.0.0.42 port 8888',
        reply: expect.stringMatching(words),
      },
    });
  });

  test.each(repliesTo(line))('fits on one line of a report on $release', ({ reply }) => {
    const outcome = setAddr.read(asked(), reply);
    expect(outcome.done ? '' : outcome.refused.reply).toMatch(/^[^\p{Cc}]{1,301}$/u);
  });
});

test.each(
  repliesTo('set server be/websrv2 addr 127.0.0.42 port 8888', 'operator'),
)('HAProxy $release without level admin: the message says what to change', ({ reply }) => {
  const outcome = setAddr.read(asked(), reply);
  expect(outcome).toMatchObject({ done: false, refused: { reply: 'Permission denied' } });
  expect(outcome.done ? '' : outcome.refused.message).toContain('`level admin`');
});
