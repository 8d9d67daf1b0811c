/**
 * Two `hitless run` on one store while a third party calls `sync`, one of them killed at random moments, under traffic,
 * with a server that an operator drains: nothing is lost, and no request fails.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { startConsul } from '../../infra/local/consul.ts';
import { until } from '../../infra/local/until.ts';
import { startWebServers, type WebServer } from '../../infra/local/web-server.ts';
import { createBench, haproxy, serving, unix } from './bench.ts';
import { runningHitless } from './running-hitless.ts';

const ROUNDS = Number(process.env.HITLESS_KILLS ?? 5);

/** Asks one after the other until the returned function is called, which gives what was no 200. */
function traffic(url: string): () => Promise<{ readonly asked: number; readonly failures: string[] }> {
  const failures: string[] = [];
  let asked = 0;
  let goesOn = true;
  const asking = (async () => {
    while (goesOn) {
      asked += 1;
      const answer = await fetch(url).catch((error: unknown) => String(error));
      if (typeof answer === 'string' || answer.status !== 200) {
        failures.push(typeof answer === 'string' ? answer : `${answer.status}`);
      } else await answer.arrayBuffer();
      await sleep(3);
    }
  })();
  return async () => {
    goesOn = false;
    await asking;
    return { asked, failures };
  };
}

test(
  'two of them, killed at random moments, and a sync beside them',
  async () => {
    const servers = await startWebServers(6);
    onTestFinished(async () => void (await Promise.all(servers.map((server) => server.stop()))));
    const registration = ({ name, address, port }: WebServer) => ({
      id: name,
      name: 'my-cluster',
      address,
      port,
    });
    const [lb, consul] = await Promise.all([
      haproxy(),
      startConsul({ services: servers.slice(0, 4).map(registration) }),
    ]);
    onTestFinished(() => consul.stop());
    const { folder, hitless } = createBench({
      consul: consul.url,
      instances: { lb: unix(lb) },
      backend: ['keep: 0%', 'drain: 0s'],
    });
    const states = async () =>
      new Map(
        (await serving(lb))
          .map((line) => line.split(' '))
          .map(([slot = '', place = '', state = '']) => [place, { slot, state }] as const),
      );
    const places = (wanted: readonly WebServer[]) =>
      wanted.map(({ address, port }) => `${address}:${port}`).sort();
    const serves = (wanted: readonly WebServer[]) =>
      until(
        async () => JSON.stringify([...(await states()).keys()].sort()) === JSON.stringify(places(wanted)),
        {
          what: `${wanted.map(({ name }) => name)} in HAProxy`,
          within: 15_000,
        },
      );

    // It says so when it begins to follow.
    const killed = () => runningHitless({ folder, args: ['--metrics', '0'] });
    let first = killed();
    const second = runningHitless({ folder });
    const always = servers.slice(0, 4);
    await serves(always);

    const [held] = places(servers.slice(1, 2));
    const slot = (await states()).get(held ?? '')?.slot;
    // A report must say that it was in rotation before it is an operator's (README, "Taking a server out by hand").
    expect((await hitless('sync')).code).toBe(0);
    await lb.ask(`set server be_template/${slot} state drain`);

    const end = traffic(lb.url);
    const comers = servers.slice(4);
    for (let round = 0; round < ROUNDS; round += 1) {
      const comes = round % 2 === 0;
      await first.says(/metrics are at/);
      await sleep(Math.random() * 300);
      for (const server of comers) {
        if (comes) await consul.register(registration(server));
        else await consul.deregister(server.name);
      }
      const syncing = round % 3 === 0 ? hitless('sync') : null;
      await sleep(Math.random() * 60);
      first.signal('SIGKILL');
      await first.ended;
      await serves(comes ? servers : always);
      if (syncing !== null) expect((await syncing).code).toBe(0);
      first = killed();
    }
    const { asked, failures } = await end();
    expect(failures).toEqual([]);
    expect(asked).toBeGreaterThan(50);

    expect((await states()).get(held ?? '')).toEqual({ slot, state: 'drain' });
    const plan = await hitless('plan --json');
    expect([plan.code, plan.stderr]).toEqual([0, '']);
    const { operatorHeld } = JSON.parse((await hitless('status --json')).stdout).fleets.edge.backends
      .be_template;
    expect(operatorHeld).toMatchObject([{ instance: 'lb', slot, state: 'drain' }]);
    for (const one of [first, second]) {
      one.signal('SIGTERM');
      expect(await one.ended).toBe(0);
    }
  },
  60_000 + ROUNDS * 10_000,
);
