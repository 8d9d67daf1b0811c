/** A fleet that finds its load balancers in Consul, as every command shows it. */

import { expect, onTestFinished, test } from 'vitest';
import { startConsul } from '../../infra/local/consul.ts';
import { createBench, haproxy, serving } from './bench.ts';

async function start() {
  const consul = await startConsul({
    services: [{ id: 'web-1', name: 'my-cluster', address: '127.0.1.1', port: 8080 }],
  });
  onTestFinished(() => consul.stop());
  const lb = await haproxy();
  const from = '{ service: haproxy-runtime, scheme: tcp, tags: [edge] }';
  const bench = createBench({ consul: consul.url, instances: { consul: from }, backend: ['drain: 0s'] });
  const register = async (id: string, address: string, port: number) => {
    await consul.register({ id, name: 'haproxy-runtime', address, port, tags: ['edge'] });
    await expect.poll(async () => JSON.stringify(await consul.health('haproxy-runtime'))).toContain(id);
  };
  return { ...bench, consul, lb, register };
}

test('check says where they are found; with --live, that nobody is there', async () => {
  const { hitless } = await start();
  const offline = await hitless('check');
  expect([offline.code, offline.stderr]).toEqual([0, '']);
  expect(offline.stdout).toContain(
    'every registration of haproxy-runtime with the tags edge is an instance, over tcp',
  );
  const live = await hitless('check --live');
  expect(live.code).toBe(1);
  expect(live.stdout).toContain('Consul has no service haproxy-runtime');
});

test('plan, sync, status and check --live name them, and name who cannot be one', async () => {
  const { hitless, lb, register } = await start();
  const { host, port } = lb.runtime;
  await register('lb-a', host, port);
  const planned = await hitless('plan --json');
  expect(planned.code).toBe(2);
  expect(JSON.parse(planned.stdout).fleets.edge.instances).toMatchObject({
    'local--lb-a': { unreachable: null },
  });

  expect((await hitless('sync')).code).toBe(0);
  expect(await serving(lb)).toEqual(['websrv1 127.0.1.1:8080 ready']);
  expect((await hitless('plan')).code).toBe(0);

  await register('lb-b', 'lb.internal', 9999);
  const synced = await hitless('sync');
  expect(synced.code).toBe(3);
  const said = /refused +instance local--lb-b +"lb\.internal" port 9999: not an IP address/;
  expect(synced.stdout).toMatch(said);
  expect((await hitless('plan')).code).toBe(2);
  const status = await hitless('status');
  expect(status.stdout).toMatch(said);
  expect(status.stdout).toContain('1 of 1 instance converged');
  const { fleets } = JSON.parse((await hitless('status --json')).stdout);
  expect(fleets.edge.instances).toMatchObject({ 'local--lb-a': { converged: true, pid: lb.pid } });
  expect(fleets.edge.refusedInstances).toMatchObject([{ name: 'local--lb-b' }]);
  const live = await hitless('check --live');
  expect(live.code).toBe(1);
  expect(live.stdout).toContain('local--lb-b is registered at "lb.internal" port 9999, which cannot be');
});

test('while Consul cannot be asked, the known ones stay, and it is said', async () => {
  const { hitless, lb, register, consul } = await start();
  await register('lb-a', lb.runtime.host, lb.runtime.port);
  await hitless('sync');
  await consul.kill();
  const synced = await hitless('sync');
  expect(synced.code).toBe(3);
  expect(synced.stdout).toContain('1 of 1 instance converged');
  expect(synced.stdout).toMatch(/haproxy-runtime at .*; the load balancers that are known stay/);
});

test('a watch of their own service may start a sync', async () => {
  const { hitless, lb, register, consul } = await start();
  await register('lb-a', lb.runtime.host, lb.runtime.port);
  const input = JSON.stringify(await consul.health('haproxy-runtime'));
  const { code, stderr } = await hitless('sync --watch-body haproxy-runtime', { input });
  expect([code, stderr]).toEqual([0, '']);
  expect(await serving(lb)).toHaveLength(1);
});
