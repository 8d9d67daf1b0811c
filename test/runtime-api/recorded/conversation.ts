/** The conversation that is recorded from every HAProxy version, and the configuration it is held with. */

import { createConnection, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { type LocalHaproxy, startHaproxy } from '../../../infra/local/haproxy.ts';
import type { HaproxyAddresses } from '../../../infra/local/haproxy-configuration.ts';
import { until } from '../../../infra/local/until.ts';

/** Which `stats socket` line of the configuration is spoken to. */
export type Speaker = 'admin' | 'operator' | 'severity-number' | 'severity-string';

export interface Exchange {
  readonly speaker: Speaker;
  readonly send: string;
  /** Everything up to and including the prompt. */
  readonly reply: string;
}

export interface Recording {
  /** As `show info` tells it. */
  readonly version: string;
  readonly exchanges: readonly Exchange[];
}

/**
 * `fixed` is read and never re-addressed, because 3.0 and later set addresses asynchronously. The only
 * server with a check stays in maint, so no state changes by itself. `node` keeps the machine's name out of `show info`.
 */
function configuration({ socket }: HaproxyAddresses): string {
  return `
global
  node fixture
  stats socket "\${HITLESS_SOCKET}" level admin
  stats socket "${socketOf('operator', socket)}" level operator
  stats socket "${socketOf('severity-number', socket)}" level admin severity-output number
  stats socket "${socketOf('severity-string', socket)}" level admin severity-output string
defaults
  mode http
  timeout connect 1s
  timeout client 10s
  timeout server 10s
backend be
  balance roundrobin
  server-template websrv 1-3 127.0.0.1:80 disabled
  server local unix@/nowhere.sock
backend fixed
  balance roundrobin
  server serving 127.0.0.2:8080 weight 7
  server six [2001:db8::1]:8080 disabled
  server local unix@/nowhere.sock
  server tracked 127.0.0.3:80 check disabled
  server tracking 127.0.0.3:81 track fixed/tracked
backend static
  balance source
  server one 127.0.0.1:80
backend empty
`;
}

const LINES: readonly { readonly speaker: Speaker; readonly lines: readonly string[] }[] = [
  {
    speaker: 'admin',
    lines: [
      'prompt',
      'set server be/websrv1 addr 127.0.0.42 port 8888',
      'set server be/websrv1 addr 127.0.0.42 port 8888',
      'set server be/websrv1 addr 127.0.0.43 port 8888',
      'set server be/websrv1 addr 127.0.0.43 port 8889',
      'set server be/websrv1 addr 2001:db8::2 port 8889',
      'set server be/websrv1 addr 0.0.0.0 port 80',
      'set server be/local addr 127.0.0.42 port 8888',
      'set server be/nope addr 127.0.0.42 port 8888',
      'set server nope/websrv1 addr 127.0.0.42 port 8888',
      'set server be/websrv1 addr localhost port 8888',
      'set server be/websrv2 addr 127.0.0.44 port abc',
      'set server fixed/six state drain',
      'set server fixed/six state ready',
      'set server fixed/six state maint',
      'set server fixed/tracking state ready',
      'set server fixed/nope state ready',
      'set server nope/six state ready',
      'set server fixed/six state up',
      'set server fixed/six weight 0',
      'set server fixed/six weight 256',
      'set server fixed/six weight 257',
      'set server fixed/six weight abc',
      'set server fixed/nope weight 1',
      'set server static/one weight 5',
      'set server static/one weight 1',
      'add server be/added 127.0.0.9:8080 check disabled weight 0 id 100',
      'add server be/added 127.0.0.9:8080 check disabled weight 0 id 100',
      'add server be/added 127.0.0.9:8080 check disabled weight 0 id 104',
      'add server be/other 127.0.0.9:8080 disabled weight 1 id 100',
      'add server be/cookie 127.0.0.9:8080 cookie c disabled weight 1 id 101',
      'add server be/bogus 127.0.0.9:8080 bogus disabled weight 1 id 102',
      'add server be/plain [2001:db8::3]:80 disabled weight 1 id 103',
      'add server static/two 127.0.0.9:8080 disabled weight 1 id 100',
      'add server nope/added 127.0.0.9:8080 disabled weight 1 id 100',
      'enable health be/added',
      'enable health be/plain',
      'enable health be/nope',
      'enable agent be/plain',
      'show servers state be',
      'set server be/plain state ready',
      'del server be/plain',
      'set server be/plain state maint',
      'del server be/plain',
      'del server be/plain',
      'del server nope/plain',
      'show servers state fixed',
      'show servers state empty',
      'show servers state nope',
      'show stat fixed 4 -1',
      'show stat empty 4 -1',
      'show stat nope 4 -1',
      'show info',
      'show cli level',
      'hitless is not a command',
    ],
  },
  {
    speaker: 'operator',
    lines: [
      'prompt',
      'show cli level',
      'set server be/websrv2 addr 127.0.0.42 port 8888',
      'set server be/websrv2 state ready',
      'set server be/websrv2 weight 1',
      'add server be/more 127.0.0.9:8080 disabled weight 1 id 110',
      'enable health be/more',
      'del server be/more',
      'show servers state fixed',
      'show stat fixed 4 -1',
    ],
  },
  ...(['severity-number', 'severity-string'] as const).map((speaker) => ({
    speaker,
    lines: [
      'prompt',
      'set server be/websrv3 addr 127.0.0.1 port 80',
      'set server be/websrv3 state maint',
      'set server be/nope state maint',
      'show servers state nope',
    ],
  })),
];

/** Holds the conversation with a HAProxy of its own, which is gone afterwards. */
export async function hold(binary: string): Promise<Recording> {
  const haproxy = await startHaproxy({ binary, configuration });
  try {
    const version = /^Version: (\S+)$/m.exec(await haproxy.ask('show info'))?.[1] ?? 'unknown';
    const exchanges: Exchange[] = [];
    for (const { speaker, lines } of LINES) {
      const socket = createConnection(socketOf(speaker, haproxy.socket));
      for (const line of lines) {
        const send = `${line}\n`;
        exchanges.push({ speaker, send, reply: await exchange(socket, send) });
        await addressApplied(haproxy, line);
      }
      socket.destroy();
    }
    return { version, exchanges };
  } finally {
    await haproxy.stop();
  }
}

/** 3.0 and later set an address a moment after their reply, and the next reply names the one that is there then. */
async function addressApplied(haproxy: LocalHaproxy, line: string): Promise<void> {
  const asked = /^set server be\/(websrv1) addr ([\d.:a-f]+) port (\d+)$/.exec(line);
  if (asked === null) return;
  const applied = new RegExp(` ${asked[1]} ${asked[2]} .* - ${asked[3]} -`);
  const seen = async () => applied.test(await haproxy.ask('show servers state be'));
  await until(seen, { what: `\`${line}\` to show` });
}

function socketOf(speaker: Speaker, admin: string): string {
  return speaker === 'admin' ? admin : join(dirname(admin), `${speaker}.sock`);
}

/** Without the decoder of lib/: what it is tested with must not come from itself. */
function exchange(socket: Socket, send: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const onData = (chunk: Buffer) => {
      chunks.push(chunk);
      const reply = Buffer.concat(chunks).toString('latin1');
      if (reply.endsWith('\n> ')) settle(() => resolve(reply));
    };
    const onEnd = () => settle(() => reject(new Error(`HAProxy hung up on ${JSON.stringify(send)}`)));
    const settle = (then: () => void) => {
      socket.off('data', onData).off('close', onEnd).off('error', reject);
      then();
    };
    socket.on('data', onData).on('close', onEnd).on('error', reject);
    socket.write(send);
  });
}
