/** Requests without a pause through a load balancer, from inside the test's process. */

import { Agent, get } from 'node:http';

export interface Load {
  /** Answers by the name of the web server that gave them. */
  readonly answers: ReadonlyMap<string, number>;
  /** Everything that was not a 200: status codes and connection errors. */
  readonly failures: readonly string[];
  /** Returns when every request that was under way is answered; new ones go on. */
  settled(): Promise<void>;
  /** Ends it, once every request under way is answered. */
  stop(): Promise<void>;
}

export function startLoad(url: string, clients: number): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const answers = new Map<string, number>();
  const failures: string[] = [];
  let running = true;

  const underWay = new Set<Promise<void>>();
  const request = async () => {
    const one = once();
    underWay.add(one);
    await one;
    underWay.delete(one);
  };
  const once = () =>
    new Promise<void>((resolve) => {
      const sent = get(url, { agent }, (response) => {
        const { statusCode } = response;
        const name = String(response.headers['x-served-by']);
        if (statusCode === 200) answers.set(name, (answers.get(name) ?? 0) + 1);
        else failures.push(`status ${statusCode}`);
        response.resume().once('end', resolve);
      });
      sent.once('error', (error) => {
        failures.push(error.message);
        resolve();
      });
    });
  const loops = Array.from({ length: clients }, async () => {
    while (running) await request();
  });
  return {
    answers,
    failures,
    async settled() {
      await Promise.all(underWay);
    },
    async stop() {
      running = false;
      await Promise.all(loops);
      agent.destroy();
    },
  };
}
