import { expect, test } from 'vitest';
import { showStat } from '../../../lib/runtime-api/commands/show-stat.ts';
import { repliesTo } from '../recorded/replies.ts';

const asked = { backend: 'fixed', of: 'one' } as const;

test('one backend by its name, or all of them', () => {
  expect(showStat.encode(asked)).toBe('show stat fixed 4 -1');
  expect(showStat.encode({ ...asked, of: 'all' })).toBe('show stat -1 4 -1');
});

test('a backend by its id never becomes a command', () => {
  expect(() => showStat.encode({ backend: '#1', of: 'one' })).toThrow(RangeError);
  expect(() => showStat.encode({ backend: '#1', of: 'all' })).toThrow(RangeError);
});

test.each(repliesTo('show stat fixed 4 -1'))('every server of a backend of HAProxy $release', ({ reply }) => {
  expect([...showStat.read(asked, reply)]).toEqual([
    ['serving', 0],
    ['six', 0],
    ['local', 0],
    ['tracked', 0],
    ['tracking', 0],
  ]);
});

test.each(repliesTo('show stat empty 4 -1'))('HAProxy $release, backend without servers: none', ({
  reply,
}) => {
  expect(showStat.read({ backend: 'empty', of: 'one' }, reply).size).toBe(0);
});

test.each(repliesTo('show stat nope 4 -1'))('a backend that HAProxy $release has not is a refusal', ({
  reply,
}) => {
  expect(() => showStat.read({ backend: 'nope', of: 'one' }, reply)).toThrow(
    expect.objectContaining({ code: 'RUNTIME_API_COMMAND_REFUSED', reply: 'No such proxy.' }),
  );
});

test('queued requests count as sessions, and other backends do not', () => {
  const reply = '# pxname,svname,qcur,qmax,scur,smax\nfixed,a,2,9,3,9\nother,a,0,9,50,9\nfixed,b,0,0,1,9\n';
  expect([...showStat.read(asked, reply)]).toEqual([
    ['a', 5],
    ['b', 1],
  ]);
});

test.each([
  { what: 'a missing column', reply: '# pxname,svname,scur\nfixed,a,3\n', why: 'it has no column qcur' },
  {
    what: 'a line that was cut off',
    reply: '# pxname,svname,qcur,scur\nfixed,a,3\n',
    why: /without sessions/,
  },
])('$what is not guessed at', ({ reply, why }) => {
  expect(() => showStat.read(asked, reply)).toThrow(
    expect.objectContaining({ code: 'RUNTIME_API_REPLY_NOT_UNDERSTOOD', why: expect.stringMatching(why) }),
  );
});
