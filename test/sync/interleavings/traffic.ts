/** One client that asks without a pause, and keeps who answered it and at which moment of the case. */

import { Agent, get } from 'node:http';
import { setImmediate as breath } from 'node:timers/promises';
import type { Trace } from './trace.ts';

export interface Request {
  /** The case's time when it was sent and when it was answered. */
  readonly from: number;
  readonly to: number;
  /** Who answered; null: nobody did, and `failure` says what came instead. */
  readonly tenant: string | null;
  readonly failure: string | null;
}

export interface Traffic {
  readonly requests: readonly Request[];
  /** Returns when so many more were sent and answered. */
  some(count: number): Promise<void>;
  /** Nothing is asked while `work` goes on: HAProxy is away then. */
  without(work: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

export function startTraffic(url: string, trace: Trace): Traffic {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const requests: Request[] = [];
  let running = true;
  let goesOn = Promise.resolve();
  let underWay = Promise.resolve();

  const once = async () => {
    const from = trace.now;
    const answer = await ask(url, agent);
    requests.push({ from, to: trace.now, ...answer });
  };
  const loop = (async () => {
    while (running) {
      await goesOn;
      underWay = once();
      await underWay;
      await breath();
    }
  })();
  return {
    requests,
    async some(count) {
      const enough = requests.length + count + 1;
      while (running && requests.length < enough) await breath();
    },
    async without(work) {
      const pause = Promise.withResolvers<void>();
      goesOn = pause.promise;
      await underWay;
      await work();
      pause.resolve();
    },
    async stop() {
      running = false;
      await loop;
      agent.destroy();
    },
  };
}

function ask(url: string, agent: Agent): Promise<Pick<Request, 'tenant' | 'failure'>> {
  return new Promise((resolve) => {
    get(url, { agent }, (response) => {
      const { statusCode } = response;
      const tenant = response.headers['x-served-by'];
      const answer =
        statusCode === 200 && typeof tenant === 'string'
          ? { tenant, failure: null }
          : { tenant: null, failure: `status ${statusCode}` };
      response.resume().once('end', () => resolve(answer));
    }).once('error', (error) => resolve({ tenant: null, failure: error.message }));
  });
}
