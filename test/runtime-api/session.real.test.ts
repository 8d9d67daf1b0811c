import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type HaproxyOptions, type LocalHaproxy, startHaproxy } from '../../infra/local/haproxy.ts';
import { haproxyVersions } from '../../infra/local/servers.ts';
import { until } from '../../infra/local/until.ts';
import type { RuntimeCommand } from '../../lib/model/command.ts';
import { openSession } from '../../lib/runtime-api/connect.ts';
import type { RuntimeSession } from '../../lib/runtime-api/runtime-session.ts';

/** Each test changes a backend of its own. */
const BACKENDS = `
backend addresses
  balance roundrobin
  server-template websrv 1-4 127.0.0.1:80 check disabled
backend states
  balance roundrobin
  server-template websrv 1-3 127.0.0.1:80 disabled
backend refusing
  balance source
  server plain 127.0.0.1:80
  server local unix@/nowhere.sock
  server checked 127.0.0.2:80 check disabled
  server tracking 127.0.0.2:81 track refusing/checked
`;

const DONE = { done: true };
const refused = (reply: unknown) => ({ done: false, refused: expect.objectContaining({ reply }) });

function setAddr(backend: string, server: string, address: string, port: number): RuntimeCommand {
  return { kind: 'set-addr', backend, server, address, port };
}

async function sessionWith(
  haproxy: LocalHaproxy,
  signal = AbortSignal.timeout(50_000),
): Promise<RuntimeSession> {
  const session = await openSession({ scheme: 'unix', path: haproxy.socket }, { tls: {}, signal });
  onTestFinished(() => session.close());
  return session;
}

async function started(options: HaproxyOptions): Promise<LocalHaproxy> {
  const haproxy = await startHaproxy(options);
  onTestFinished(() => haproxy.stop());
  return haproxy;
}

describe.each(await haproxyVersions())('HAProxy $version', ({ version, path: binary }) => {
  let haproxy: LocalHaproxy;

  beforeAll(async () => {
    haproxy = await startHaproxy({ binary, backend: BACKENDS });
  });
  afterAll(() => haproxy?.stop());

  test('says which process it is', async () => {
    const session = await sessionWith(haproxy);
    const info = await session.readInfo();
    expect(info).toMatchObject({
      pid: haproxy.pid,
      version: expect.stringMatching(new RegExp(`^${version}\\.`)),
    });
    expect(info.uptimeSeconds).toBeLessThan(60);
  });

  test('set-addr moves a server: port, address, both, IPv6, the placeholder', async () => {
    const session = await sessionWith(haproxy);
    const changes = [
      setAddr('addresses', 'websrv1', '127.0.0.1', 8081),
      setAddr('addresses', 'websrv2', '127.0.0.42', 80),
      setAddr('addresses', 'websrv3', '2001:db8::3', 8083),
      setAddr('addresses', 'websrv4', '0.0.0.0', 80),
    ];
    expect(await session.send(changes)).toEqual([DONE, DONE, DONE, DONE]);
    const places = async () =>
      (await session.readServers('addresses')).servers.map(({ address, port }) => `${address} ${port}`);
    const asked = ['127.0.0.1 8081', '127.0.0.42 80', '2001:db8::3 8083', '0.0.0.0 80'];
    // 3.0 and later apply addresses a moment after their reply.
    await until(async () => (await places()).join() === asked.join(), { what: 'the addresses to be set' });
    expect(await session.send(changes)).toEqual([DONE, DONE, DONE, DONE]);
    expect(await places()).toEqual(asked);
  });

  test('set-state and set-weight show when they are read back', async () => {
    const session = await sessionWith(haproxy);
    const outcomes = await session.send([
      { kind: 'set-state', backend: 'states', server: 'websrv1', state: 'ready' },
      { kind: 'set-state', backend: 'states', server: 'websrv2', state: 'drain' },
      { kind: 'set-weight', backend: 'states', server: 'websrv1', weight: 0 },
      { kind: 'set-weight', backend: 'states', server: 'websrv2', weight: 256 },
    ]);
    expect(outcomes).toEqual([DONE, DONE, DONE, DONE]);
    expect((await session.readServers('states')).servers).toMatchObject([
      { server: 'websrv1', admin: 'ready', operational: 'running', weight: 0, configuredWeight: 1 },
      { server: 'websrv2', admin: 'drain', weight: 256 },
      { server: 'websrv3', admin: 'maint', operational: 'stopped', weight: 1 },
    ]);
    await session.send([{ kind: 'set-state', backend: 'states', server: 'websrv1', state: 'maint' }]);
    expect((await session.readServers('states')).servers[0]).toMatchObject({ admin: 'maint' });
  });

  test('every refusal is told for its own command, and changes nothing', async () => {
    const session = await sessionWith(haproxy);
    const before = await session.readServers('refusing');
    const outcomes = await session.send([
      setAddr('refusing', 'local', '127.0.0.9', 80),
      setAddr('refusing', 'plain', '127.0.0.1', 80),
      setAddr('refusing', 'nope', '127.0.0.9', 80),
      setAddr('nope', 'plain', '127.0.0.9', 80),
      { kind: 'set-weight', backend: 'refusing', server: 'plain', weight: 5 },
      { kind: 'set-weight', backend: 'refusing', server: 'plain', weight: 1 },
      { kind: 'set-weight', backend: 'refusing', server: 'nope', weight: 1 },
      { kind: 'set-weight', backend: 'nope', server: 'plain', weight: 1 },
      { kind: 'set-state', backend: 'refusing', server: 'nope', state: 'maint' },
      { kind: 'set-state', backend: 'nope', server: 'plain', state: 'maint' },
      // Not a refusal, and without effect: the tracked server is in maint.
      { kind: 'set-state', backend: 'refusing', server: 'tracking', state: 'ready' },
    ]);
    expect(outcomes).toEqual([
      refused(expect.stringMatching(/^Update for the current server address family is only supported/)),
      DONE,
      refused('No such server.'),
      refused('No such backend.'),
      refused(expect.stringMatching(/^Backend is using a static LB algorithm/)),
      DONE,
      refused('No such server.'),
      refused('No such backend.'),
      refused('No such server.'),
      refused('No such backend.'),
      DONE,
    ]);
    expect((await session.readServers('refusing')).servers).toEqual(before.servers);
  });

  test('a backend that is not there is a refusal of the readings too', async () => {
    const session = await sessionWith(haproxy);
    await expect(session.readServers('nope')).rejects.toMatchObject({ reply: "Can't find backend." });
    await expect(session.readSessions('nope')).rejects.toMatchObject({ reply: 'No such proxy.' });
  });

  test('all backends at once, as a state file', async () => {
    const session = await sessionWith(haproxy);
    const { raw, servers } = await session.readServers();
    // 2.2 shows its own proxy MASTER as well.
    expect(servers.map(({ backend }) => backend)).toEqual(
      expect.arrayContaining(['addresses', 'states', 'refusing']),
    );
    expect(raw).toMatch(/^1\n# be_id .*\n$/s);
    expect(raw.trimEnd().split('\n')).toHaveLength(2 + servers.length);
  });

  test('5,000 commands at once: every outcome is that of its own command', async () => {
    const many = await started({
      binary,
      backend: 'backend many\n  balance roundrobin\n  server-template websrv 1-5000 127.0.0.1:80 disabled\n',
    });
    const session = await sessionWith(many);
    const numbers = Array.from({ length: 5_000 }, (_, index) => index + 1);
    const isThere = (number: number) => number % 7 !== 0;
    const weight = (number: number) => number % 257;
    const outcomes = await session.send(
      numbers.map((number) => ({
        kind: 'set-weight',
        backend: 'many',
        server: isThere(number) ? `websrv${number}` : `nope${number}`,
        weight: weight(number),
      })),
    );
    expect(outcomes.map(({ done }) => done)).toEqual(numbers.map(isThere));
    for (const [index, outcome] of outcomes.entries()) {
      if (!outcome.done) expect(outcome.refused.command).toContain(`many/nope${index + 1} `);
    }
    const { servers } = await session.readServers('many');
    expect(servers.map(({ weight: now }) => now)).toEqual(
      numbers.map((number) => (isThere(number) ? weight(number) : 1)),
    );
    expect((await session.readSessions('many')).size).toBe(5_000);
  });

  test('with level operator it can be read, and every change is refused with what to do', async () => {
    const operator = await started({ binary, backend: BACKENDS, level: 'operator' });
    const session = await sessionWith(operator);
    const before = await session.readServers();
    const outcomes = await session.send([
      setAddr('addresses', 'websrv1', '127.0.0.9', 80),
      { kind: 'set-state', backend: 'states', server: 'websrv1', state: 'ready' },
      { kind: 'set-weight', backend: 'states', server: 'websrv1', weight: 9 },
    ]);
    for (const outcome of outcomes) {
      expect(outcome).toEqual(refused('Permission denied'));
      expect(outcome.done ? '' : outcome.refused.message).toContain('level admin');
    }
    expect((await session.readServers()).servers).toEqual(before.servers);
    expect(await session.readInfo()).toMatchObject({ pid: operator.pid });
    expect((await session.readSessions('states')).get('websrv1')).toBe(0);
  });

  test('killed in the middle: every waiting command is told', async () => {
    const doomed = await started({ binary, backend: BACKENDS });
    const session = await sessionWith(doomed);
    process.kill(doomed.pid, 'SIGSTOP');
    const sent = session.send(
      Array.from({ length: 5_000 }, () => setAddr('addresses', 'websrv1', '127.0.0.9', 80)),
    );
    // How many HAProxy answered before it stood still is its own affair.
    const told = expect(sent).rejects.toMatchObject({
      code: 'RUNTIME_API_SESSION_LOST',
      address: `unix://${doomed.socket}`,
      outstanding: expect.toSatisfy((count: number) => count > 512 && count <= 1_024),
    });
    await doomed.kill();
    await told;
    await expect(session.readInfo()).rejects.toMatchObject({
      code: 'RUNTIME_API_SESSION_LOST',
      outstanding: 0,
    });
    await session.close();
  });

  test('too slow: given up with the signal, and its state can be read in a new session', async () => {
    const slow = await started({ binary, backend: BACKENDS });
    const deadline = new AbortController();
    const session = await sessionWith(slow, deadline.signal);
    process.kill(slow.pid, 'SIGSTOP');
    try {
      const sent = session.send([{ kind: 'set-weight', backend: 'states', server: 'websrv1', weight: 9 }]);
      const told = expect(sent).rejects.toMatchObject({ code: 'RUNTIME_API_SESSION_LOST', outstanding: 1 });
      // It was written by then.
      setImmediate(() => deadline.abort());
      await told;
    } finally {
      process.kill(slow.pid, 'SIGCONT');
    }
    const { servers } = await (await sessionWith(slow)).readServers('states');
    expect(servers).toHaveLength(3);
  });

  test('sessions count requests that are being served and those that wait in the queue', async () => {
    const { port, release } = await holdingServer();
    const busy = await started({
      binary,
      backend: `
backend be
  balance roundrobin
  cookie SRV insert
  server s1 127.0.0.1:${port} maxconn 1 cookie s1
  server s2 127.0.0.1:${port} cookie s2 disabled
`,
    });
    const session = await sessionWith(busy);
    // Only a request that must go to this server waits in its own queue; others wait in the backend's.
    const request = () => fetch(busy.url, { headers: { cookie: 'SRV=s1' } });
    const requests = [request(), request(), request()];
    const counted = async () => (await session.readSessions('be')).get('s1');
    await until(async () => (await counted()) === 3, { what: 'three sessions' });
    expect((await session.readSessions('be')).get('s2')).toBe(0);
    release();
    await Promise.all(requests.map(async (sent) => (await sent).text()));
    await until(async () => (await counted()) === 0, { what: 'no session' });
  });

  // 3.3 does not start with such a configuration.
  test.skipIf(Number(version) >= 3.3)('a backend may have the name of a frontend', async () => {
    const twins = await started({
      binary,
      configuration: `global
  stats socket "\${HITLESS_SOCKET}" level admin
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend web
  bind "\${HITLESS_FRONTEND}"
  default_backend web
backend web
  server s1 127.0.0.1:80 disabled
backend other
  server s2 127.0.0.1:80 disabled
`,
    });
    const session = await sessionWith(twins);
    expect([...(await session.readSessions('web'))]).toEqual([['s1', 0]]);
  });
});

/** Answers nothing until it is told to. */
async function holdingServer(): Promise<{ port: number; release: () => void }> {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const server = createServer(async (_request, response) => {
    await Promise.race([released, sleep(60_000, undefined, { ref: false })]);
    response.setHeader('connection', 'close').end('ok');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    release();
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  });
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, release };
}
