/** The simulated HAProxy against real ones: the same random conversation with both, the same answers. */

import { createConnection } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LocalHaproxy, startHaproxy } from '../../infra/local/haproxy.ts';
import { haproxyVersions } from '../../infra/local/servers.ts';
import { until } from '../../infra/local/until.ts';
import { answerTo } from './haproxy-commands.ts';
import { HaproxyProcess, type Release } from './haproxy-process.ts';
import { createRandom, type Random } from './random.ts';
import { readServerLines } from './server-lines-of.ts';
import { VirtualTime } from './virtual-time.ts';

const CONFIGURATION = `
backend be
  balance roundrobin
  server srv1 127.0.0.1:8081 check disabled
  server srv2 127.0.0.1:8082 weight 7 check disabled
  server srv3 127.0.0.1:8083 check
`;
const RELEASES: readonly string[] = ['2.2', '2.6', '3.0', '3.2'] satisfies Release[];
const LINES = 150;

function releaseOf(version: string): Release | undefined {
  return RELEASES.includes(version) ? (version as Release) : undefined;
}

/** A line that Hitless could say, or one that is a little wrong. */
function randomLine(random: Random): string {
  const server = `${random.chance(0.95) ? 'be' : 'nope'}/srv${random.between(1, 6)}`;
  const address = random.pick(['127.0.0.1', '127.0.0.42', '2001:db8::1', '0.0.0.0']);
  const port = random.pick(['80', '8888', '65535']);
  return random.pick([
    `set server ${server} addr ${address} port ${port}`,
    `set server ${server} addr ${address} port ${port}`,
    `set server ${server} addr ${random.pick(['localhost', '127.1', 'x'])} port 80`,
    `set server ${server} state ${random.pick(['ready', 'drain', 'maint', 'up'])}`,
    `set server ${server} state ${random.pick(['ready', 'drain', 'maint'])}`,
    `set server ${server} weight ${random.pick(['0', '1', '7', '256', '257', 'abc'])}`,
    `add server ${server} ${address === '2001:db8::1' ? '[2001:db8::1]' : address}:80 check weight 3 id ${random.between(1, 6)}`,
    `add server ${server} 127.0.0.9:80 cookie c check weight 1 id ${random.between(4, 6)}`,
    `del server ${server}`,
    `enable health ${server}`,
    'show servers state be',
    'show servers state nope',
    'show servers conn be',
    'show stat be 4 -1',
    'show stat nope 4 -1',
    'show cli level',
    'show info',
  ]);
}

/** What of an answer is the same wherever and whenever it is given, and is read by Hitless. */
function essence(release: Release | undefined, line: string, reply: string): unknown {
  if (line.startsWith('show servers state') && reply.startsWith('1\n'))
    return columns(reply.slice(2), ' ', [
      'be_name',
      'srv_name',
      'srv_addr',
      'srv_port',
      'srv_admin_state',
      'srv_uweight',
      'srv_iweight',
      'srv_id',
      'srv_f_forced_id',
    ]);
  // 2.2 counts the connections of its checks among those in use.
  if (line.startsWith('show servers conn') && release === '2.2')
    return columns(reply, ' ', ['bkname/svname', 'addr', 'port']);
  if (line.startsWith('show servers conn'))
    return columns(reply, ' ', ['bkname/svname', 'addr', 'port', 'used_cur']);
  if (line === 'show info')
    return ['Name', 'Version', 'Pid', 'Uptime_sec', 'Start_time_sec'].filter((key) =>
      `\n${reply}`.includes(`\n${key}: `),
    );
  if (line.startsWith('show stat')) return columns(reply, ',', ['pxname', 'svname', 'qcur', 'scur']);
  if (reply.startsWith('Unknown command')) return 'Unknown command';
  return reply.replace(/already used at \S+/, 'already used at (somewhere)');
}

function columns(table: string, separator: string, wanted: readonly string[]): unknown {
  const [header = '', ...rows] = table.split('\n').filter((row) => row !== '');
  if (!header.startsWith('# ')) return table;
  const names = header.slice(2).split(separator);
  return rows
    .map((row) => row.split(separator))
    .map((values) => wanted.map((name) => `${name}=${values[names.indexOf(name)]}`).join(' '))
    .sort();
}

/** A conversation in prompt mode: a function that says a line and returns the reply without the prompt. */
async function converse(haproxy: LocalHaproxy) {
  const socket = createConnection(haproxy.socket);
  let received = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    received += chunk;
  });
  const say = async (line: string): Promise<string> => {
    received = '';
    socket.write(`${line}\n`);
    await until(() => (received.endsWith('\n> ') ? true : undefined), {
      what: `a reply to ${line}`,
      every: 1,
    });
    return received.slice(0, -'\n> '.length);
  };
  await say('prompt');
  return { say, end: () => socket.destroy() };
}

describe.each(await haproxyVersions())('HAProxy $version', ({ version, path }) => {
  const release = releaseOf(version);
  let haproxy: LocalHaproxy;
  beforeAll(async () => {
    haproxy = await startHaproxy({ binary: path, backend: CONFIGURATION });
  });
  afterAll(() => haproxy.stop());

  test.skipIf(release === undefined).each([1, 2, 3, 4])('conversation %i is the same', async (seed) => {
    await haproxy.restart();
    const random = createRandom(seed);
    const time = new VirtualTime();
    const simulated = new HaproxyProcess({
      instance: 'lb1',
      release: release ?? '3.0',
      pid: 1,
      lines: readServerLines(CONFIGURATION),
      time,
      random: random.fork('process'),
      observer: { changed: () => {}, requested: () => {} },
    });
    const { say, end } = await converse(haproxy);
    try {
      for (let count = 0; count < LINES; count += 1) {
        const line = randomLine(random);
        const expected = answerTo(simulated, line, { by: 'operator' });
        expect(essence(release, line, await say(line)), line).toEqual(essence(release, line, expected));
        // From 3.0 on an address takes effect a moment later, on either side.
        await time.run(time.elapsedMs + 100, () => true);
        const look = 'show servers state be';
        const wanted = JSON.stringify(essence(release, look, answerTo(simulated, look, { by: 'operator' })));
        let seen = '';
        const same = async () => {
          seen = JSON.stringify(essence(release, look, await say(look)));
          return seen === wanted ? true : undefined;
        };
        await until(same, { what: `the state after \`${line}\``, every: 5 }).catch(() =>
          expect(seen, line).toBe(wanted),
        );
      }
    } finally {
      end();
    }
  });
});
