import { describe, expect, test } from 'vitest';
import type { RuntimeCommand } from '../../../lib/model/command.ts';
import { addServer } from '../../../lib/runtime-api/commands/add-server.ts';
import { repliesTo } from '../recorded/replies.ts';

type AddServer = Extract<RuntimeCommand, { kind: 'add-server' }>;

function asked(differing: Partial<AddServer> = {}): AddServer {
  return {
    kind: 'add-server',
    backend: 'be',
    server: 'added',
    address: '127.0.0.9',
    port: 8080,
    weight: 0,
    id: 100,
    options: 'check',
    ...differing,
  };
}

/** `add server` came with 2.6; 2.2 answers with its help text. */
function since26(line: string) {
  return repliesTo(line).filter(({ release }) => release !== '2.2');
}

const LINE = 'add server be/added 127.0.0.9:8080 check disabled weight 0 id 100';

test('the line says where, how, and with which weight and id', () => {
  expect(addServer.encode(asked())).toBe(LINE);
  expect(addServer.encode(asked({ options: '' }))).toBe(
    'add server be/added 127.0.0.9:8080 disabled weight 0 id 100',
  );
  expect(addServer.encode(asked({ address: '2001:db8::1', options: 'cookie added check inter 1s' }))).toBe(
    'add server be/added [2001:db8::1]:8080 cookie added check inter 1s disabled weight 0 id 100',
  );
});

test.each([
  { what: 'a newline', differing: { options: 'check\nshow info' } },
  { what: 'a command after a semicolon', differing: { options: 'check;shutdown' } },
  { what: 'a NUL', differing: { options: 'check\0' } },
  { what: 'a backslash', differing: { options: 'check\\' } },
  { what: 'a payload', differing: { options: 'check <<' } },
  { what: 'quotes', differing: { options: 'sni "str(a b)"' } },
  { what: 'a variable', differing: { options: 'crt $CERT' } },
  { what: 'a tab', differing: { options: 'check\tinter 1s' } },
  { what: 'two spaces', differing: { options: 'check  inter 1s' } },
  { what: 'a letter beyond ASCII', differing: { options: 'cookie é' } },
  { what: 'an id of 0', differing: { id: 0 } },
  { what: 'an id that HAProxy takes for a negative one', differing: { id: 2_147_483_648 } },
  { what: 'a weight of 257', differing: { weight: 257 } },
  { what: 'port 65536', differing: { port: 65_536 } },
  { what: 'a name to resolve', differing: { address: 'localhost' } },
  { what: 'a server id for a name', differing: { server: '#1' } },
  { what: 'a space in a name', differing: { backend: 'a b' } },
])('$what never goes on the wire', ({ differing }) => {
  expect(() => addServer.encode(asked(differing))).toThrow(RangeError);
});

describe.each([
  { what: 'a new server', line: LINE },
  { what: 'a server that is there with another id', line: LINE.replace('id 100', 'id 104') },
])('$what', ({ line }) => {
  test.each(since26(line))('is done, says HAProxy $release', ({ reply }) => {
    expect(addServer.read(asked(), reply)).toEqual({ done: true });
  });
});

test('the second time is done as well, with what HAProxy says of the id', () => {
  const replies = new Set(since26(LINE).map(({ reply }) => reply.trim()));
  expect(replies).toEqual(new Set(['New server registered.']));
  const again = "'id' : custom id 100 already used at (null):0 ('server added').\n";
  expect(addServer.read(asked(), again)).toEqual({ done: true });
  expect(addServer.read(asked({ server: 'other' }), again)).toMatchObject({ done: false });
});

describe.each([
  {
    line: 'add server be/other 127.0.0.9:8080 disabled weight 1 id 100',
    words: /^'id' : custom id 100 already used/,
  },
  {
    line: 'add server be/bogus 127.0.0.9:8080 bogus disabled weight 1 id 102',
    words: /^unknown keyword 'bogus'\.$/,
  },
  {
    line: 'add server static/two 127.0.0.9:8080 disabled weight 1 id 100',
    words: /^Backend must use a dynamic load balancing to support dynamic servers\.$/,
  },
  { line: 'add server nope/added 127.0.0.9:8080 disabled weight 1 id 100', words: /^No such backend\.$/ },
])('`$line`', ({ line, words }) => {
  test.each(since26(line))('is refused in its own words by HAProxy $release', ({ reply }) => {
    expect(addServer.read(asked({ server: 'other' }), reply)).toMatchObject({
      done: false,
      refused: { reply: expect.stringMatching(words) },
    });
  });
});

test.each(
  repliesTo('add server be/cookie 127.0.0.9:8080 cookie c disabled weight 1 id 101'),
)('a cookie is for 3.0 and newer: HAProxy $release', ({ release, reply }) => {
  expect(addServer.read(asked(), reply).done).toBe(Number(release) >= 3);
});

test.each(
  repliesTo(LINE).filter(({ release }) => release === '2.2'),
)('the help text of HAProxy $release is a refusal', ({ reply }) => {
  expect(addServer.read(asked(), reply)).toMatchObject({ done: false });
});

test.each(
  repliesTo('add server be/more 127.0.0.9:8080 disabled weight 1 id 110', 'operator').filter(
    ({ release }) => release !== '2.2',
  ),
)('HAProxy $release without level admin is a refusal', ({ reply }) => {
  expect(addServer.read(asked(), reply)).toMatchObject({
    done: false,
    refused: { reply: 'Permission denied' },
  });
});
