/** The slot table is deleted while HAProxy serves: nobody is moved, and what is published follows from then on. */

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createBench, fakeConsul, haproxy, serving, unix } from './bench.ts';
import { endpoints } from './fake-consul.ts';

test('a deleted table comes back with the same slots, a higher generation, and a file that follows it', async () => {
  const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
  const { folder, hitless, stored } = createBench({
    ...{ consul: consul.url, instances: { lb: unix(lb) } },
    ...{ fleet: ['template: edge.cfg.j2'], backend: ['drain: 0s', 'keep: 0%'] },
  });
  const [first, second, third, fourth] = endpoints(1, 4);
  if (!first || !second || !third || !fourth) throw new Error('there are four');
  const sync = async (registered: readonly (typeof first)[]) => {
    consul.register(registered);
    expect((await hitless('sync')).code).toBe(0);
  };
  await sync([first, second, third]);
  await sync([second, third]);
  await sync([second, third, fourth]);
  const before = await serving(lb);
  const { generation } = JSON.parse(stored('fleets/edge/current.json'));
  rmSync(join(folder, 'store/fleets/edge/slots.json'));

  await sync([second, third, fourth]);
  expect(await serving(lb)).toEqual(before);
  expect(JSON.parse(stored('fleets/edge/slots.json')).generation).toBe(generation + 1);

  await sync([third, fourth]);
  expect(JSON.parse(stored('fleets/edge/current.json')).generation).toBe(generation + 2);
  const file = readFileSync(join(folder, 'store/fleets/edge/haproxy.cfg'), 'utf8');
  expect(file).not.toContain(`${second.address}:8080`);
  expect(file).toContain(`${fourth.address}:8080`);
});
