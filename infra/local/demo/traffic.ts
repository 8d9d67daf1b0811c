/**
 * Continuous traffic through every load balancer: several clients for each, every one with a connection of its own
 * that it keeps, one request after the other.
 *
 * Everything but a 200 counts as failed, a lost connection and no answer within five seconds too. Only before a load
 * balancer has answered its first 200 is a 503 no failure: nobody has been registered yet.
 */

import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { nowMs } from './clock.ts';

export interface Answer {
  readonly instance: string;
  /** When the answer was complete; milliseconds since 1970 with fractions. */
  readonly atMs: number;
  /** Who answered; null when nobody did. */
  readonly server: string | null;
  /** Null: a 200. */
  readonly failure: string | null;
}

export interface Traffic {
  /** All answers so far, in the order in which they came; requests that met no server at the beginning are not in. */
  readonly answers: readonly Answer[];
  /** Requests that were answered with 503 before anybody was registered. */
  readonly beforeAnyServer: number;
  /** Lets the requests of one load balancer's clients end, and sends no more. */
  pause(instance: string): Promise<void>;
  /** Sends on, over new connections. */
  resume(instance: string): void;
  stop(): Promise<void>;
}

export interface TrafficOptions {
  /** URLs by instance name. */
  readonly frontends: Readonly<Record<string, string>>;
  readonly clientsEach: number;
  /** From the start of a client's request to the start of its next one. */
  readonly everyMs: number;
}

const REQUEST_TIMEOUT_MS = 5_000;

export function startTraffic({ frontends, clientsEach, everyMs }: TrafficOptions): Traffic {
  const answers: Answer[] = [];
  const served = new Set<string>();
  let beforeAnyServer = 0;

  const record = (instance: string, { status, server, error }: Outcome) => {
    if (status === 200) served.add(instance);
    if (status === 503 && !served.has(instance)) {
      beforeAnyServer += 1;
      return;
    }
    const failure = status === 200 ? null : (error ?? `HTTP ${status}`);
    answers.push({ instance, atMs: nowMs(), server: failure === null ? server : null, failure });
  };

  const clients = new Map<string, Client[]>();
  const open = (instance: string) => {
    const url = frontends[instance] ?? '';
    const opened = Array.from({ length: clientsEach }, (_, index) => {
      const firstAfterMs = (index * everyMs) / clientsEach;
      return startClient(url, { everyMs, firstAfterMs, record: (outcome) => record(instance, outcome) });
    });
    clients.set(instance, opened);
  };
  const close = async (instance: string) => {
    await Promise.all((clients.get(instance) ?? []).map((client) => client.stop()));
    clients.delete(instance);
  };

  for (const instance of Object.keys(frontends)) open(instance);
  return {
    answers,
    get beforeAnyServer() {
      return beforeAnyServer;
    },
    pause: close,
    resume: open,
    async stop() {
      await Promise.all(Object.keys(frontends).map(close));
    },
  };
}

interface Outcome {
  /** 0: there was no answer. */
  readonly status: number;
  readonly server: string | null;
  readonly error: string | null;
}

interface Client {
  /** Returns when the request under way has ended. */
  stop(): Promise<void>;
}

interface ClientOptions {
  readonly everyMs: number;
  readonly firstAfterMs: number;
  readonly record: (outcome: Outcome) => void;
}

function startClient(url: string, { everyMs, firstAfterMs, record }: ClientOptions): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const stopping = new AbortController();
  const running = async () => {
    await pause(firstAfterMs, stopping.signal);
    while (!stopping.signal.aborted) {
      const startedMs = performance.now();
      record(await request(url, agent));
      await pause(Math.max(0, startedMs + everyMs - performance.now()), stopping.signal);
    }
    agent.destroy();
  };
  const ended = running();
  return {
    stop() {
      stopping.abort();
      return ended;
    },
  };
}

function request(url: string, agent: Agent): Promise<Outcome> {
  return new Promise((resolve) => {
    const failed = (error: Error) => resolve({ status: 0, server: null, error: error.message });
    const sent = get(url, { agent, timeout: REQUEST_TIMEOUT_MS }, (response) => {
      response.resume();
      response.once('error', failed);
      response.once('end', () => {
        const server = response.headers['x-served-by'];
        const status = response.complete ? (response.statusCode ?? 0) : 0;
        resolve({ status, server: typeof server === 'string' ? server : null, error: null });
      });
    });
    sent.once('timeout', () => sent.destroy(new Error(`no answer within ${REQUEST_TIMEOUT_MS} ms`)));
    sent.once('error', failed);
  });
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
