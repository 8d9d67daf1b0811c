import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  ServersStateReader,
  showServersState,
} from '../../../lib/runtime-api/commands/show-servers-state.ts';
import { repliesTo } from '../recorded/replies.ts';

const asked = { backend: 'fixed' };
const PLAIN = { forcedId: false, healthCheck: 'none', agentCheck: 'none', ssl: false };

test('all backends, or one by its name', () => {
  expect(showServersState.encode({})).toBe('show servers state');
  expect(showServersState.encode(asked)).toBe('show servers state fixed');
});

test.each(['', '#1', 'a;b', 'a b'])('a backend called %j never becomes a command', (backend) => {
  expect(() => showServersState.encode({ backend })).toThrow(RangeError);
});

test.each(repliesTo('show servers state fixed'))('every server of a backend of HAProxy $release', ({
  reply,
}) => {
  const { servers, raw } = showServersState.read(asked, reply);
  expect(raw).toBe(reply);
  expect(servers).toEqual([
    {
      backend: 'fixed',
      server: 'serving',
      address: '127.0.0.2',
      port: 8080,
      admin: 'ready',
      adminMask: 0,
      operational: 'running',
      weight: 7,
      configuredWeight: 7,
      id: 1,
      ...PLAIN,
    },
    {
      backend: 'fixed',
      server: 'six',
      address: '2001:db8::1',
      port: 8080,
      admin: 'maint',
      adminMask: 5,
      operational: 'stopped',
      weight: 256,
      configuredWeight: 1,
      id: 2,
      ...PLAIN,
    },
    expect.objectContaining({ server: 'local', address: '-', port: 0, admin: 'ready' }),
    expect.objectContaining({ server: 'tracked', address: '127.0.0.3', port: 80, admin: 'maint' }),
    expect.objectContaining({ server: 'tracking', port: 81, admin: 'maint', adminMask: 2 }),
  ]);
});

test.each(repliesTo('show servers state empty'))('HAProxy $release, backend without servers: none', ({
  reply,
}) => {
  expect(showServersState.read(asked, reply).servers).toEqual([]);
});

test.each([
  ...repliesTo('show servers state nope'),
  ...repliesTo('show servers state nope', 'severity-number'),
  ...repliesTo('show servers state nope', 'severity-string'),
])('a backend that HAProxy $release does not have is a refusal', ({ reply }) => {
  expect(() => showServersState.read({ backend: 'nope' }, reply)).toThrow(
    expect.objectContaining({
      code: 'RUNTIME_API_COMMAND_REFUSED',
      command: 'show servers state nope',
      reply: "Can't find backend.",
    }),
  );
});

test.each(repliesTo('hitless is not a command'))('the help text of HAProxy $release is a refusal', ({
  reply,
}) => {
  expect(() => showServersState.read(asked, reply)).toThrow(
    expect.objectContaining({ code: 'RUNTIME_API_COMMAND_REFUSED' }),
  );
});

const OTHERS = 'srv_id srv_check_state srv_agent_state srv_f_forced_id';
const HEADER = `# be_name srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_port ${OTHERS}`;

test('columns are found by name, in any order and between unknown ones', () => {
  const header =
    '# new srv_use_ssl srv_f_forced_id srv_agent_state srv_check_state srv_id srv_port srv_iweight srv_uweight' +
    ' srv_admin_state srv_op_state srv_addr srv_name be_name';
  const { servers } = showServersState.read({}, `1\n${header}\n? 1 1 18 22 7 80 1 2 12 3 10.0.0.1 s1 b\n`);
  expect(servers).toEqual([
    {
      backend: 'b',
      server: 's1',
      address: '10.0.0.1',
      port: 80,
      admin: 'drain',
      adminMask: 12,
      operational: 'stopping',
      weight: 2,
      configuredWeight: 1,
      id: 7,
      forcedId: true,
      healthCheck: 'enabled',
      agentCheck: 'disabled',
      ssl: true,
    },
  ]);
});

test.each(
  repliesTo('show servers state be').filter(({ release }) => release !== '2.2'),
)('a server that was added to HAProxy $release is known by its id, and its checks are told', ({ reply }) => {
  const added = showServersState.read({ backend: 'be' }, reply).servers.filter(({ forcedId }) => forcedId);
  expect(added).toContainEqual(
    expect.objectContaining({ server: 'added', id: 100, healthCheck: 'enabled', adminMask: 5, weight: 0 }),
  );
  expect(added).toContainEqual(expect.objectContaining({ server: 'plain', id: 103, healthCheck: 'none' }));
});

test.each([
  { printed: '::ffff:10.0.0.1', canonical: '10.0.0.1' },
  { printed: '2001:DB8:0::1', canonical: '2001:db8::1' },
  { printed: '0.0.0.0', canonical: '0.0.0.0' },
  { printed: '::', canonical: '::' },
  { printed: '-', canonical: '-' },
])('$printed is read as $canonical', ({ printed, canonical }) => {
  const { servers } = showServersState.read({}, `1\n${HEADER}\nb s1 ${printed} 2 0 1 1 80 1 0 0 0\n`);
  expect(servers[0]?.address).toBe(canonical);
});

test.each([
  { what: 'another format version', reply: `2\n${HEADER}\n`, why: /version 2/ },
  { what: 'no header', reply: '1\n', why: /no column be_name/ },
  { what: 'a missing column', reply: `1\n${HEADER.replace(' srv_port', '')}\n`, why: /no column srv_port$/ },
  { what: 'a line that was cut off', reply: `1\n${HEADER}\nb s1 10.0.0.1\n`, why: /without srv_op_state/ },
  {
    what: 'an unknown op_state',
    reply: `1\n${HEADER}\nb s1 10.0.0.1 4 0 1 1 80\n`,
    why: /4 is no srv_op_state/,
  },
  {
    what: 'a weight that is no number',
    reply: `1\n${HEADER}\nb s1 10.0.0.1 2 0 x 1 80\n`,
    why: /x is no srv_uweight/,
  },
])('$what is not guessed at', ({ reply, why }) => {
  expect(() => showServersState.read(asked, reply)).toThrow(
    expect.objectContaining({ code: 'RUNTIME_API_REPLY_NOT_UNDERSTOOD', why: expect.stringMatching(why) }),
  );
});

test('one reader of several replies reads each as if it were the first', () => {
  const line = fc.record({
    server: fc.nat(3),
    address: fc.constantFrom('10.0.0.1', '10.0.0.2'),
    weight: fc.nat(2),
  });
  const header = fc.constantFrom(HEADER, `${HEADER} srv_use_ssl`, HEADER.replace('be_name', 'new be_name'));
  fc.assert(
    fc.property(fc.array(fc.tuple(header, fc.array(line, { maxLength: 4 })), { maxLength: 6 }), (replies) => {
      const reader = new ServersStateReader();
      for (const [columns, lines] of replies) {
        const text = lines.map(({ server, address, weight }) =>
          columns.includes('new ')
            ? `? b s${server} ${address} 2 0 ${weight} 1 80 1 0 0 0\n`
            : `b s${server} ${address} 2 0 ${weight} 1 80 1 0 0 0 1\n`,
        );
        const reply = `1\n${columns}\n${text.join('')}\n`;
        expect(reader.read({}, reply)).toEqual(showServersState.read({}, reply));
      }
    }),
  );
});

test('a reader that met something it does not understand reads the next reply', () => {
  const reader = new ServersStateReader();
  const right = `1\n${HEADER}\nb s1 10.0.0.1 2 0 1 1 80 1 0 0 0\n`;
  expect(() => reader.read({}, right.replace('2 0 1', '9 0 1'))).toThrow('9 is no srv_op_state');
  expect(reader.read({}, right)).toEqual(showServersState.read({}, right));
  expect(() => reader.read({}, '1\n# be_id\n')).toThrow('no column');
  expect(reader.read({}, right)).toEqual(showServersState.read({}, right));
});

test.each([
  { what: 'a port', line: 'b s1 10.0.0.1 2 0 1 1 65536 1 0 0 0', says: '65536 is no srv_port' },
  { what: 'a weight', line: 'b s1 10.0.0.1 2 0 257 1 80 1 0 0 0', says: '257 is no srv_uweight' },
  {
    what: 'an id',
    line: 'b s1 10.0.0.1 2 0 1 1 80 9007199254740992 0 0 0',
    says: '9007199254740992 is no srv_id',
  },
  {
    what: 'a state',
    line: 'b s1 10.0.0.1 2 4294967296 1 1 80 1 0 0 0',
    says: '4294967296 is no srv_admin_state',
  },
  { what: 'an endless line', line: `b s1 10.0.0.1 2 0 1 x${' '.repeat(9_000)}`, says: /^.{200,320}…$/ },
  { what: 'escape sequences', line: 'b s1 10.0.0.1 2 0 1 x\x1b[2J', says: 's1 10.0.0.1 2 0 1 x\\x1b[2J' },
])('$what that HAProxy cannot have is one clear problem', ({ line, says }) => {
  expect(() => showServersState.read({}, `1\n${HEADER}\n${line}\n`)).toThrow(
    expect.objectContaining({
      code: 'RUNTIME_API_REPLY_NOT_UNDERSTOOD',
      message: typeof says === 'string' ? expect.stringContaining(says) : expect.stringMatching(says),
    }),
  );
});

test('an address that is none is kept short and visible, for it is stored and shown', () => {
  const odd = `\x1b[2J${'a'.repeat(500)}`;
  const { servers } = showServersState.read({}, `1\n${HEADER}\nb s1 ${odd} 2 0 1 1 80 1 0 0 0\n`);
  expect(servers[0]?.address).toMatch(/^\\x1b\[2Ja+…$/);
  expect(servers[0]?.address.length).toBe(100);
});
