import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { RuntimeCommand } from '../../lib/model/command.ts';
import { startSession } from '../../lib/runtime-api/session.ts';
import { repliesTo } from './recorded/replies.ts';
import { type ScriptedHaproxy, scriptedHaproxy } from './scripted-haproxy.ts';

const ADDRESS = 'unix:///run/haproxy.sock';

async function sessionWith(haproxy: ScriptedHaproxy, signal = new AbortController().signal) {
  const session = await startSession(haproxy.stream, { address: ADDRESS, signal });
  onTestFinished(() => session.close());
  return session;
}

function weights(count: number): RuntimeCommand[] {
  return Array.from({ length: count }, (_, index) => ({
    kind: 'set-weight',
    backend: 'be',
    server: `websrv${index + 1}`,
    weight: 1,
  }));
}

const isChange = (line: string) => line.startsWith('set ');

describe('the start', () => {
  test.each([
    { what: 'the master CLI', says: 'master> ', why: /master CLI.*worker/ },
    { what: 'a worker behind the master CLI', says: '\n2480> ', why: /master CLI/ },
    { what: 'an HTTP server', says: 'HTTP/1.1 400 Bad request\r\n\r\n', why: /HTTP server/ },
    { what: 'a TLS server', says: '\x15\x03\x03\0\x02\x02\x46', why: /TLS server.*tls:/ },
    { what: 'an SSH server', says: 'SSH-2.0-OpenSSH_9.2\r\n', why: /something else.*SSH-2\.0/ },
    { what: 'a prompt with more behind it', says: '\n> \n> ', why: /something else/ },
    { what: 'escape sequences', says: '\x1b[2J\u009b', why: /something else.*"\\x1b\[2J[^\p{C}]*"$/u },
    { what: 'somebody who does not stop', says: 'x'.repeat(300_000), why: /something else.*"x{60}"$/ },
    { what: 'the help text of an unknown command', says: 'Unknown command.\n\n> ', why: /something else/ },
  ])('$what is told from a Runtime API, and hears nothing but `prompt`', async ({ says, why }) => {
    const haproxy = scriptedHaproxy(() => says);
    await expect(sessionWith(haproxy)).rejects.toMatchObject({
      code: 'RUNTIME_API_UNREACHABLE',
      address: ADDRESS,
      why: expect.stringMatching(why),
    });
    expect(haproxy.lines).toEqual(['prompt']);
    expect(haproxy.stream.destroyed).toBe(true);
  });

  test('an answer cut into single bytes is the same answer', async () => {
    const haproxy = scriptedHaproxy((line) => {
      if (line === 'prompt') for (const byte of '\n> ') haproxy.far.write(byte);
      return line === 'prompt' ? undefined : '\n> ';
    });
    const session = await sessionWith(haproxy);
    expect(await session.send(weights(1))).toEqual([{ done: true }]);
  });

  test('whoever hangs up without a word is not a Runtime API', async () => {
    const haproxy = scriptedHaproxy(() => {
      haproxy.far.end();
      return undefined;
    });
    await expect(sessionWith(haproxy)).rejects.toMatchObject({
      why: expect.stringContaining('without an answer'),
    });
  });

  test('whoever never answers is given up with the signal', async () => {
    const haproxy = scriptedHaproxy(() => undefined);
    await expect(sessionWith(haproxy, AbortSignal.timeout(50))).rejects.toMatchObject({
      code: 'RUNTIME_API_UNREACHABLE',
      why: expect.stringMatching(/accepted the connection but never answered.*stats maxconn/),
    });
    expect(haproxy.stream.destroyed).toBe(true);
  });
});

describe('commands', () => {
  test('each gets its own outcome, in order', async () => {
    const haproxy = scriptedHaproxy((line) => (line.includes('websrv2 ') ? 'No such server.\n\n> ' : '\n> '));
    const session = await sessionWith(haproxy);
    expect(await session.send(weights(3))).toEqual([
      { done: true },
      { done: false, refused: expect.objectContaining({ reply: 'No such server.' }) },
      { done: true },
    ]);
  });

  test('none is none', async () => {
    const haproxy = scriptedHaproxy();
    expect(await (await sessionWith(haproxy)).send([])).toEqual([]);
    expect(haproxy.lines).toEqual(['prompt']);
  });

  test('one that must not go on the wire keeps all others off it', async () => {
    const haproxy = scriptedHaproxy();
    const session = await sessionWith(haproxy);
    const hostile: RuntimeCommand = { kind: 'set-state', backend: 'be', server: 'a;quit', state: 'ready' };
    await expect(session.send([...weights(3), hostile])).rejects.toThrow(RangeError);
    expect(await session.send(weights(1))).toEqual([{ done: true }]);
    expect(haproxy.lines.filter(isChange)).toHaveLength(1);
  });

  test('no more than 1,024 are under way, and they are written many at a time', async () => {
    const haproxy = scriptedHaproxy((line) => (isChange(line) ? undefined : '\n> '));
    const session = await sessionWith(haproxy);
    const write = vi.spyOn(haproxy.stream, 'write');
    const sent = session.send(weights(3_000));
    const changes = () => haproxy.lines.filter(isChange).length;
    for (let answered = 0; answered < 3_000; ) {
      const underWay = Math.min(1_024, 3_000 - answered);
      await vi.waitFor(() => expect(changes() - answered).toBe(underWay), { timeout: 20_000, interval: 1 });
      const replies = Math.min(512, underWay);
      haproxy.far.write('\n> '.repeat(replies));
      answered += replies;
    }
    expect(await sent).toHaveLength(3_000);
    expect(write).toHaveBeenCalledTimes(5);
  });

  test('what is asked in the same breath goes out in one write', async () => {
    const haproxy = scriptedHaproxy((line) => (line === 'show cli level' ? 'admin\n\n> ' : '\n> '));
    const session = await sessionWith(haproxy);
    const write = vi.spyOn(haproxy.stream, 'write');
    expect(await Promise.all([session.send(weights(2)), session.readLevel()])).toEqual([
      [{ done: true }, { done: true }],
      'admin',
    ]);
    expect(write).toHaveBeenCalledTimes(1);
  });

  test('a question does not wait for the answer to an earlier one', async () => {
    const haproxy = scriptedHaproxy((line) => (line === 'prompt' ? '\n> ' : undefined));
    const session = await sessionWith(haproxy);
    const first = session.send(weights(1));
    await vi.waitFor(() => expect(haproxy.lines).toHaveLength(2));
    const second = session.send(weights(1));
    await vi.waitFor(() => expect(haproxy.lines).toHaveLength(3));
    haproxy.far.write('\n> \n> ');
    expect(await Promise.all([first, second])).toEqual([[{ done: true }], [{ done: true }]]);
  });

  test('several callers on one session do not mix up their replies', async () => {
    const haproxy = scriptedHaproxy((line) => (line.includes('websrv1 ') ? 'No such server.\n\n> ' : '\n> '));
    const session = await sessionWith(haproxy);
    const outcomes = await Promise.all([session.send(weights(1)), session.send(weights(2).slice(1))]);
    expect(outcomes.map(([outcome]) => outcome?.done)).toEqual([false, true]);
  });
});

describe('readings', () => {
  const spoken = new Map(
    [
      'show servers state fixed',
      'show servers state nope',
      'show info',
      'show stat fixed 4 -1',
      'show stat nope 4 -1',
    ].map((line) => [line, `${repliesTo(line).at(-1)?.reply}\n> `]),
  );
  const header = `${repliesTo('show stat empty 4 -1').at(-1)?.reply}\n> `;

  test('servers, of one backend', async () => {
    const session = await sessionWith(scriptedHaproxy((line) => spoken.get(line) ?? '\n> '));
    const { raw, servers } = await session.readServers('fixed');
    expect(servers.map(({ server }) => server)).toEqual(['serving', 'six', 'local', 'tracked', 'tracking']);
    expect(raw).toMatch(/^1\n# be_id .*\n$/s);
    await expect(session.readServers('nope')).rejects.toMatchObject({ code: 'RUNTIME_API_COMMAND_REFUSED' });
  });

  test('who answers', async () => {
    const session = await sessionWith(scriptedHaproxy((line) => spoken.get(line) ?? '\n> '));
    expect(await session.readInfo()).toMatchObject({ version: expect.stringMatching(/^\d+\.\d+/) });
  });

  test('sessions', async () => {
    const session = await sessionWith(scriptedHaproxy((line) => spoken.get(line) ?? '\n> '));
    expect((await session.readSessions('fixed')).get('serving')).toBe(0);
    await expect(session.readSessions('nope')).rejects.toMatchObject({ reply: 'No such proxy.' });
  });

  test('sessions of a backend whose name a frontend has as well: all servers are asked for', async () => {
    const all = '# pxname,svname,qcur,qmax,scur\nother,a,0,0,9\nweb,a,1,1,4\n\n> ';
    const haproxy = scriptedHaproxy((line) => {
      if (line === 'show stat web 4 -1') return header;
      return line === 'show stat -1 4 -1' ? all : '\n> ';
    });
    const session = await sessionWith(haproxy);
    expect([...(await session.readSessions('web'))]).toEqual([['a', 5]]);
  });
});

describe('a session that is lost', () => {
  test('HAProxy goes away: every waiting command is told, with how many had no reply', async () => {
    const haproxy = scriptedHaproxy((line) => (isChange(line) ? undefined : '\n> '));
    const session = await sessionWith(haproxy);
    const waiting = [session.send(weights(10)), session.send(weights(1_200)), session.readInfo()];
    await vi.waitFor(() => expect(haproxy.lines.filter(isChange)).toHaveLength(1_024));
    haproxy.far.end();
    for (const settled of await Promise.allSettled(waiting)) {
      expect(settled).toMatchObject({
        status: 'rejected',
        reason: { code: 'RUNTIME_API_SESSION_LOST', address: ADDRESS, outstanding: 1_024 },
      });
    }
  });

  test('nothing is sent again, and nothing more is sent', async () => {
    const haproxy = scriptedHaproxy((line) => (isChange(line) ? undefined : '\n> '));
    const session = await sessionWith(haproxy);
    const sent = session.send(weights(3));
    await vi.waitFor(() => expect(haproxy.lines.filter(isChange)).toHaveLength(3));
    haproxy.far.destroy();
    await expect(sent).rejects.toMatchObject({ outstanding: 3 });
    await expect(session.send(weights(3))).rejects.toMatchObject({ outstanding: 0 });
    expect(haproxy.lines.filter(isChange)).toHaveLength(3);
  });

  test('the signal aborts', async () => {
    const abort = new AbortController();
    const haproxy = scriptedHaproxy((line) => (isChange(line) ? undefined : '\n> '));
    const session = await sessionWith(haproxy, abort.signal);
    const sent = session.send(weights(2));
    await vi.waitFor(() => expect(haproxy.lines.filter(isChange)).toHaveLength(2));
    abort.abort(new Error('the pass took too long'));
    await expect(sent).rejects.toMatchObject({
      code: 'RUNTIME_API_SESSION_LOST',
      outstanding: 2,
      why: 'given up: the pass took too long',
    });
    expect(haproxy.stream.destroyed).toBe(true);
  });

  test('the stream breaks', async () => {
    const haproxy = scriptedHaproxy((line) => (isChange(line) ? undefined : '\n> '));
    const session = await sessionWith(haproxy);
    const sent = session.send(weights(1));
    haproxy.stream.destroy(new Error('read ETIMEDOUT'));
    await expect(sent).rejects.toMatchObject({ outstanding: 1, why: 'read ETIMEDOUT' });
  });

  test('an answer to nothing: replies and commands can no longer be matched', async () => {
    const haproxy = scriptedHaproxy((line) => (isChange(line) ? '\n> \n> ' : '\n> '));
    const session = await sessionWith(haproxy);
    await session.send(weights(1));
    await expect(session.send(weights(1))).rejects.toMatchObject({
      code: 'RUNTIME_API_SESSION_LOST',
      why: 'HAProxy answered what was not asked',
    });
  });

  test('a reply without an end', async () => {
    const haproxy = scriptedHaproxy((line) => (line === 'show info' ? 'x'.repeat(17 * 1024 * 1024) : '\n> '));
    const session = await sessionWith(haproxy);
    await expect(session.readInfo()).rejects.toMatchObject({
      code: 'RUNTIME_API_SESSION_LOST',
      why: 'a reply did not end within 16777216 characters',
    });
  });

  test.each([
    { what: 'that has not ended yet', says: 'x'.repeat(300_000) },
    { what: 'that has ended', says: `${'x'.repeat(300_000)}\n> ` },
  ])('a message $what is no message when it is as long as a table of servers', async ({ says }) => {
    const haproxy = scriptedHaproxy((line) => (line === 'prompt' ? '\n> ' : says));
    const session = await sessionWith(haproxy);
    await expect(session.readInfo()).rejects.toMatchObject({
      code: 'RUNTIME_API_SESSION_LOST',
      why: 'a reply did not end within 262144 characters',
    });
  });

  test('it can still be closed', async () => {
    const haproxy = scriptedHaproxy();
    const session = await sessionWith(haproxy);
    haproxy.far.destroy();
    await session.close();
    expect(haproxy.stream.destroyed).toBe(true);
  });
});

describe('the end', () => {
  test('HAProxy is told', async () => {
    const haproxy = scriptedHaproxy();
    const session = await sessionWith(haproxy);
    await session.close();
    expect(haproxy.lines).toEqual(['prompt', 'quit']);
    expect(haproxy.stream.destroyed).toBe(true);
  });

  test('an HAProxy that does not hang up is not waited for', async () => {
    const haproxy = scriptedHaproxy();
    const session = await sessionWith(haproxy);
    haproxy.far.end = () => haproxy.far;
    await session.close();
    expect(haproxy.stream.destroyed).toBe(true);
  });

  test('closing twice is closing once, and what is asked afterwards is refused', async () => {
    const haproxy = scriptedHaproxy();
    const session = await sessionWith(haproxy);
    await Promise.all([session.close(), session.close()]);
    expect(haproxy.lines).toEqual(['prompt', 'quit']);
    await expect(session.readInfo()).rejects.toMatchObject({
      code: 'RUNTIME_API_SESSION_LOST',
      why: 'the session was closed',
      outstanding: 0,
    });
  });

  test('what still waits is told', async () => {
    const haproxy = scriptedHaproxy((line) => (isChange(line) ? undefined : '\n> '));
    const session = await sessionWith(haproxy);
    const sent = session.send(weights(2));
    const told = expect(sent).rejects.toMatchObject({ outstanding: 2, why: 'the session was closed' });
    await vi.waitFor(() => expect(haproxy.lines.filter(isChange)).toHaveLength(2));
    await session.close();
    await told;
  });

  test('the signal of a closed session may abort', async () => {
    const abort = new AbortController();
    const session = await sessionWith(scriptedHaproxy(), abort.signal);
    await session.close();
    abort.abort();
    await session.close();
  });
});
