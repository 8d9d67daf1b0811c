/**
 * Any number of `hitless sync` at the same moment: a user's second Consul watch, cron beside a watch. Whatever they do
 * at the same time, all end well, and every server is in rotation.
 *
 * `HITLESS_ROUNDS=25 npx vitest run test/cli/syncs-at-once` does 200 rounds of two and 200 of six.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ARTICLE_BACKEND, createBench, fakeConsul, haproxy, unix } from './bench.ts';
import { endpoints } from './fake-consul.ts';
import { startFarRelay } from './far-relay.ts';

const ROUNDS = Number(process.env.HITLESS_ROUNDS ?? 1);
const FAR_MS = 5;

const cases = [2, 6].flatMap((syncs) =>
  [[], ['template: edge.cfg.j2']].flatMap((fleet) =>
    [100, 3].flatMap((slots) =>
      ['a unix socket', 'TCP with 10 ms of network'].map((place) => ({
        ...{ syncs, fleet, slots, place },
        what: `${syncs} syncs, ${fleet.length === 0 ? 'no template' : 'a template'}, ${slots} declared slots, ${place}`,
      })),
    ),
  ),
);
/** One round of everything takes a minute; half of it has each value of each kind, and each pair of values. */
const some = cases.filter((_, index) => ROUNDS > 1 || [1, 2, 4, 7, 8, 11, 13, 14].includes(index));

test.each(some)('$what: all end well, and every server is in rotation', {
  timeout: 30_000 + ROUNDS * 15_000,
}, async ({ syncs, fleet, slots, place }) => {
  const consul = await fakeConsul();
  consul.register(endpoints(1, 5));
  for (let round = 0; round < ROUNDS; round += 1) {
    const backend = ARTICLE_BACKEND.replace('1-100', `1-${slots}`);
    const lb = await haproxy({ backend });
    const relay = place === 'a unix socket' ? null : await startFarRelay(lb.runtime, FAR_MS);
    const instances = { lb: relay?.url ?? unix(lb) };
    const { folder, hitless, stored } = createBench({ consul: consul.url, instances, fleet });
    // HAProxy 2.6 takes no server with a cookie at run time.
    const path = join(folder, 'hitless.yml');
    writeFileSync(path, readFileSync(path, 'utf8').replace('cookie {{ server }} check', 'check'));
    try {
      const runs = await Promise.all(Array.from({ length: syncs }, () => hitless('sync')));
      expect(runs.map(({ code, stderr }) => [code, stderr])).toEqual(runs.map(() => [0, '']));
      expect(await rotation(lb)).toEqual(endpoints(1, 5).map(({ address }) => `${address}:8080 0 1`));
      expect(JSON.parse(stored('fleets/edge/slots.json'))).toMatchObject({ generation: 1 });
      const { stdout } = await hitless('status --json');
      expect(JSON.parse(stdout).fleets.edge.instances.lb).toMatchObject({ converged: true, generation: 1 });
    } finally {
      await relay?.stop();
    }
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
