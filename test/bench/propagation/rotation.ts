/** Watching one HAProxy: when an endpoint is in rotation, and when it is out. */

import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { shownServers } from '../shown-servers.ts';
import { nowMs } from './trail.ts';

const END = '\n> ';
/** Between two looks: a look at 200 servers costs HAProxy 0.3 ms. */
const LOOK_EVERY_MS = 1;

export interface Place {
  readonly address: string;
  readonly port: number;
}

export interface Rotation {
  /** When it was first seen in (or out of) rotation, in milliseconds since 1970; throws after `withinMs`. */
  until(place: Place, wanted: 'in' | 'out', withinMs: number): Promise<number>;
  /** How many are in rotation. */
  count(): Promise<number>;
  stop(): void;
}

/** @param socket of the Runtime API. */
export async function watchRotation(socket: string, backend: string): Promise<Rotation> {
  const connection = createConnection(socket);
  const ask = asking(connection);
  await ask('prompt');
  const show = `show servers state ${backend}`;
  const serving = (reply: string) =>
    shownServers(reply).filter(
      ({ ready, weight, port, address }) => ready && weight > 0 && port > 0 && address !== '-',
    );
  return {
    async until(place, wanted, withinMs) {
      const deadlineMs = performance.now() + withinMs;
      for (;;) {
        const found = serving(linesWith(place.address, await ask(show))).some(
          ({ address, port }) => address === place.address && port === place.port,
        );
        if (found === (wanted === 'in')) return nowMs();
        if (performance.now() > deadlineMs)
          throw new Error(`${place.address}:${place.port} is not ${wanted} after ${withinMs} ms`);
        await sleep(LOOK_EVERY_MS);
      }
    },
    async count() {
      return serving(await ask(show)).length;
    },
    stop: () => void connection.destroy(),
  };
}

/** The head and the lines of one address: to look often must not cost what is being measured. */
function linesWith(address: string, reply: string): string {
  const [version = '', header = '', ...lines] = reply.split('\n');
  return [version, header, ...lines.filter((line) => line.includes(` ${address} `))].join('\n');
}

function asking(connection: Socket): (line: string) => Promise<string> {
  let received = '';
  let answered: ((reply: string) => void) | undefined;
  let failed: ((error: Error) => void) | undefined;
  connection.on('error', (error) => failed?.(error));
  connection.setEncoding('latin1');
  connection.on('data', (chunk: string) => {
    received += chunk;
    if (!received.endsWith(END)) return;
    const reply = received.slice(0, -END.length);
    received = '';
    answered?.(reply);
  });
  return (line) =>
    new Promise((resolve, reject) => {
      answered = resolve;
      failed = reject;
      connection.write(`${line}\n`);
    });
}
