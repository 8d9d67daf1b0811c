import { expect, test } from 'vitest';
import { showServersConn } from '../../../lib/runtime-api/commands/show-servers-conn.ts';

/** Recorded from HAProxy 2.2.9 and 3.2.26, which print the same. */
const RECORDED = `# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[2]
be/s1 3/1 127.0.40.1 17500 - 5000 4 4 4 0 0 -1 0 0 0
be/s2 3/2 127.0.0.9 1 - 5000 0 0 0 0 0 -1 0 0 0
`;

test('connections in use by server; kept idle ones do not count', () => {
  expect(showServersConn.encode({ backend: 'be' })).toBe('show servers conn be');
  expect([...showServersConn.read({ backend: 'be' }, RECORDED)]).toEqual([
    ['s1', 4],
    ['s2', 0],
  ]);
});

test('a backend that HAProxy has not is a refusal', () => {
  expect(() => showServersConn.read({ backend: 'nope' }, "Can't find backend.\n")).toThrow(
    expect.objectContaining({ code: 'RUNTIME_API_COMMAND_REFUSED', reply: "Can't find backend." }),
  );
});

test.each([
  { what: 'a missing column', reply: '# bkname/svname bkid/svid addr port\n' },
  { what: 'a line that was cut off', reply: `${RECORDED.trimEnd()}\nbe/s3 3/3 127.0.0.9 1 -` },
])('$what is not guessed at', ({ reply }) => {
  expect(() => showServersConn.read({ backend: 'be' }, reply)).toThrow(
    expect.objectContaining({ code: 'RUNTIME_API_REPLY_NOT_UNDERSTOOD' }),
  );
});
