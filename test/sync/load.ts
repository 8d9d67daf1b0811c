/** Requests without a pause through a load balancer, from inside the test's process. */

import { Agent, get } from 'node:http';

export interface Load {
  /** Answers by the name of the web server that gave them. */
  readonly answers: ReadonlyMap<string, number>;
  /** Everything that was not a 200: status codes and connection errors. */
  readonly failures: readonly string[];
  /** Ends it, once every request under way is answered. */
  stop(): Promise<void>;
}

export function startLoad(url: string, clients: number): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const answers = new Map<string, number>();
  const failures: string[] = [];
  let running = true;

  const once = () =>
    new Promise<void>((resolve) => {
      const request = get(url, { agent }, (response) => {
        const { statusCode } = response;
        const name = String(response.headers['x-served-by']);
        if (statusCode === 200) answers.set(name, (answers.get(name) ?? 0) + 1);
        else failures.push(`status ${statusCode}`);
        response.resume().once('end', resolve);
      });
      request.once('error', (error) => {
        failures.push(error.message);
        resolve();
      });
    });
  const loops = Array.from({ length: clients }, async () => {
    while (running) await once();
  });
  return {
    answers,
    failures,
    async stop() {
      running = false;
      await Promise.all(loops);
      agent.destroy();
    },
  };
}
