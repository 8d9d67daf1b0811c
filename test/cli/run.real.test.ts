/** `hitless run`: stays, follows a real Consul, and keeps a real HAProxy in step. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type LocalConsul, startConsul } from '../../infra/local/consul.ts';
import type { LocalHaproxy } from '../../infra/local/haproxy.ts';
import { until } from '../../infra/local/until.ts';
import { createBench, haproxy, serving, tcp, unix } from './bench.ts';
import { runningHitless } from './running-hitless.ts';

const web = (number: number) => ({
  ...{ id: `web${number}`, name: 'my-cluster', address: `127.0.1.${number}`, port: 8080 },
});

async function consul(count: number, durable = false): Promise<LocalConsul> {
  const services = Array.from({ length: count }, (_, index) => web(index + 1));
  const started = await startConsul({ services, durable });
  onTestFinished(() => started.stop());
  return started;
}

async function bench(count: number, backend: readonly string[] = ['keep: 0%', 'drain: 0s']) {
  const [lb, agent] = await Promise.all([haproxy(), consul(count)]);
  const made = createBench({ consul: agent.url, instances: { lb: unix(lb) }, backend });
  return { ...made, lb, agent };
}

const addresses = async (lb: LocalHaproxy) =>
  (await serving(lb))
    .filter((line) => / ready$/.test(line))
    .map((line) => line.split(' ')[1]?.replace(/:8080$/, ''));

async function serves(lb: LocalHaproxy, numbers: readonly number[], within = 5_000): Promise<void> {
  const wanted = numbers.map((number) => `127.0.1.${number}`).sort();
  await until(async () => JSON.stringify((await addresses(lb)).sort()) === JSON.stringify(wanted), {
    what: `${numbers} in rotation`,
    within,
  });
}

test('follows what Consul has, a line for each change, and ends with 0 on SIGTERM', async () => {
  const { folder, lb, agent } = await bench(2);
  const running = runningHitless({ folder });
  await serves(lb, [1, 2], 20_000);
  await running.says(/edge: generation 1 \(new\), add be_template\/websrv1 127\.0\.1\.1:8080/);
  await agent.register(web(3));
  await serves(lb, [1, 2, 3]);
  await running.says(/edge: generation 2 \(new\), add be_template\/websrv3 127\.0\.1\.3:8080 on lb; \d+ ms/);
  await agent.deregister('web1');
  await serves(lb, [2, 3]);
  await agent.setMaintenance('web2', true);
  await serves(lb, [3]);
  running.signal('SIGTERM');
  expect(await running.ended).toBe(0);
  expect(running.output().trim().split('\n').at(-1)).toMatch(/^\S+Z ended, as it was told to$/);
  expect(running.output()).not.toMatch(/warn|error/);
});

test('a drain ends at its moment, not with the minute', async () => {
  const { folder, lb, agent, stored } = await bench(3, ['keep: 0%', 'drain: 3s']);
  const running = runningHitless({ folder });
  await serves(lb, [1, 2, 3], 20_000);
  await running.says(/generation 1/);
  const states = () => {
    const { slots } = JSON.parse(stored('fleets/edge/slots.json')).backends.be_template;
    return slots.slice(0, 3).map(({ state }: { state: string }) => state);
  };
  await agent.deregister('web3');
  await until(() => states().includes('draining'), { what: 'a drain' });
  const begun = performance.now();
  await until(() => !states().includes('draining'), { what: 'the end of the drain', within: 6_000 });
  expect(performance.now() - begun).toBeGreaterThan(2_500);
  await serves(lb, [1, 2]);
});

test('SIGHUP reads hitless.yml again; a bad one is refused with its place, and the old one stays', async () => {
  const { folder, lb, agent, configure } = await bench(1);
  const running = runningHitless({ folder });
  await serves(lb, [1], 20_000);
  const good = readFileSync(join(folder, 'hitless.yml'), 'utf8');
  writeFileSync(join(folder, 'hitless.yml'), good.replace('slots: 100', 'slots: many'));
  running.signal('SIGHUP');
  await running.says(
    /error: hitless\.yml is refused, the one of before stays in force: .*hitless\.yml:\d+ .*slots/,
  );
  await agent.register(web(2));
  await serves(lb, [1, 2]);
  const other = await haproxy();
  const backend = ['keep: 0%', 'drain: 0s'];
  configure({ consul: agent.url, instances: { lb: unix(lb), other: tcp(other) }, backend });
  running.signal('SIGHUP');
  await running.says(/hitless\.yml was read again/);
  await serves(other, [1, 2]);
  await agent.register(web(3));
  await Promise.all([serves(lb, [1, 2, 3]), serves(other, [1, 2, 3])]);
  running.signal('SIGTERM');
  expect(await running.ended).toBe(0);
});

test('a hitless.yml that is bad from the start ends it with 1, and says why', async () => {
  const { folder, hitless } = await bench(0);
  writeFileSync(join(folder, 'hitless.yml'), 'fleets: 7\n');
  const { code, stdout, stderr } = await hitless('run');
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^hitless: hitless\.yml/);
});

test('--json: each line is a document', async () => {
  const { folder, lb } = await bench(1);
  const running = runningHitless({ folder, args: ['--json'] });
  await serves(lb, [1], 20_000);
  await running.says(/\n/);
  const [line = ''] = running.output().split('\n');
  expect(JSON.parse(line)).toMatchObject({
    ...{ event: 'pass_done', level: 'info', fleet: 'edge', generation: 1, published: true },
    changes: [
      { instance: 'lb', kind: 'add', backend: 'be_template', server: 'websrv1', address: '127.0.1.1' },
    ],
  });
});

test('a Consul that was away is followed again, also when it lost its data', async () => {
  const { folder, lb, agent } = await bench(2);
  const running = runningHitless({ folder });
  await serves(lb, [1, 2], 20_000);
  await agent.kill();
  await running.says(/warn: Consul: cannot be followed/);
  const since = running.output().length;
  // Its indexes begin anew, below those that were seen.
  await agent.restart();
  await running.says(/Consul: over/, since);
  await agent.register(web(3));
  await serves(lb, [1, 2, 3]);
});

test('an HAProxy that started anew has its servers seconds later, and not with the minute', async () => {
  const { folder, lb } = await bench(2);
  runningHitless({ folder });
  await serves(lb, [1, 2], 20_000);
  await lb.kill();
  await lb.restart();
  await serves(lb, [1, 2], 10_000);
});

test('an HAProxy that cannot be reached is said, and tried again soon', async () => {
  const { folder, lb } = await bench(1);
  await lb.kill();
  const running = runningHitless({ folder });
  await running.says(/warn: edge: instance lb: /);
  await lb.restart();
  await running.says(/edge: instance lb: over/);
  await serves(lb, [1]);
});
