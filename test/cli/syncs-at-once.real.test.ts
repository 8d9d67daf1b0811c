/**
 * Any number of `hitless sync` at the same moment: a user's second Consul watch, cron beside a watch. Whatever they do
 * at the same time, all end well, and every server is in rotation.
 *
 * `HITLESS_ROUNDS=200 npx vitest run test/cli/syncs-at-once` does it for longer.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ARTICLE_BACKEND, createBench, fakeConsul, haproxy, unix } from './bench.ts';
import { endpoints } from './fake-consul.ts';

const ROUNDS = Number(process.env.HITLESS_ROUNDS ?? 1);

const cases = [2, 6].flatMap((syncs) =>
  [[], ['template: edge.cfg.j2']].flatMap((fleet) =>
    [100, 3].map((slots) => ({
      ...{ syncs, fleet, slots },
      what: `${syncs} syncs, ${fleet.length === 0 ? 'no template' : 'a template'}, ${slots} declared slots`,
    })),
  ),
);

test.each(cases)('$what: all end well, and every server is in rotation', {
  timeout: 30_000 + ROUNDS * 15_000,
}, async ({ syncs, fleet, slots }) => {
  const consul = await fakeConsul();
  consul.register(endpoints(1, 5));
  for (let round = 0; round < ROUNDS; round += 1) {
    const backend = ARTICLE_BACKEND.replace('1-100', `1-${slots}`);
    const lb = await haproxy({ backend });
    const instances = { lb: unix(lb) };
    const { folder, hitless, stored } = createBench({ consul: consul.url, instances, fleet });
    // HAProxy 2.6 takes no server with a cookie at run time.
    const path = join(folder, 'hitless.yml');
    writeFileSync(path, readFileSync(path, 'utf8').replace('cookie {{ server }} check', 'check'));
    const runs = await Promise.all(Array.from({ length: syncs }, () => hitless('sync')));
    expect(runs.map(({ code, stderr }) => [code, stderr])).toEqual(runs.map(() => [0, '']));
    expect(await rotation(lb)).toEqual(endpoints(1, 5).map(({ address }) => `${address}:8080 0 1`));
    expect(JSON.parse(stored('fleets/edge/slots.json'))).toMatchObject({ generation: 1 });
    const { stdout } = await hitless('status --json');
    expect(JSON.parse(stdout).fleets.edge.instances.lb).toMatchObject({ converged: true, generation: 1 });
    await lb.stop();
  }
});

/** Address, `srv_admin_state` and weight of every server that is not parked. */
async function rotation(lb: Awaited<ReturnType<typeof haproxy>>): Promise<string[]> {
  const lines = (await lb.ask('show servers state be_template')).split('\n').slice(2);
  const shown = lines.map((line) => line.split(' ')).filter((columns) => columns.length > 18);
  return shown
    .filter((columns) => columns[4] !== '127.0.0.1' && columns[4] !== '0.0.0.0')
    .map((columns) => `${columns[4]}:${columns[18]} ${Number(columns[6]) & ~4} ${columns[7]}`)
    .sort();
}
