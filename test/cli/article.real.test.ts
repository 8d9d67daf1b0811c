/** The example of the article, as written there, with `hitless sync` in the place of its script. */

import { describe, expect, onTestFinished, test } from 'vitest';
import { type LocalConsul, startConsul } from '../../infra/local/consul.ts';
import { haproxyVersions } from '../../infra/local/servers.ts';
import { until } from '../../infra/local/until.ts';
import { type Bench, createBench, haproxy, serving, tcp, unix } from './bench.ts';

describe.each(await haproxyVersions())('HAProxy $version', ({ path: binary }) => {
  test('two processes and another machine: 2, 60 and 5 endpoints, and a second sync sends nothing', async () => {
    const [first, second, other, consul] = await Promise.all([
      haproxy({ binary }),
      haproxy({ binary }),
      haproxy({ binary }),
      agent(),
    ]);
    const bench = createBench({
      consul: consul.url,
      instances: { process1: unix(first), process2: unix(second), machine2: tcp(other) },
      fleet: ['template: edge.cfg.j2'],
      backend: ['keep: 0%', 'drain: 0s'],
    });

    for (const count of [2, 60, 5]) {
      await have(consul, count);
      const sync = await bench.hitless('sync');
      expect(sync).toMatchObject({ code: 0, stderr: '' });
      expect(sync.stdout).toContain(`3 of 3 instances converged, ${count} serving`);
      const expected = Array.from(
        { length: count },
        (_, index) => `websrv${index + 1} 127.0.1.${index + 1}:8080 ready`,
      );
      for (const each of [first, second, other]) expect(await serving(each)).toEqual(expected);

      const again = await bench.hitless('sync --json');
      expect(again.code).toBe(0);
      expect(commandsOf(again.stdout)).toEqual({ process1: 0, process2: 0, machine2: 0 });
      const quiet = await bench.hitless('sync');
      expect(quiet.stdout.split('\n')).toEqual([expect.stringContaining('nothing to do'), '']);
    }

    const file = await bench.hitless('render');
    expect(file.stdout).toBe(bench.stored('fleets/edge/haproxy.cfg'));
    expect(file.stdout).toContain('server websrv5 127.0.1.5:8080 weight 1 cookie websrv5 check\n');
    expect(file.stdout).toContain('server websrv6 0.0.0.0:80 weight 1 cookie websrv6 check disabled\n');
    expect(bench.stored('fleets/edge/instances/process1/servers.state')).toMatch(/^1\n# be_id/);

    await other.restart(file.stdout);
    expect((await bench.hitless('plan')).code).toBe(0);
  });
});

test('by default half of the endpoints stay for a minute, which plan and sync say, and exit 3', async () => {
  const [lb, consul] = await Promise.all([haproxy(), agent()]);
  const bench = createBench({ consul: consul.url, instances: { lb: unix(lb) }, backend: ['drain: 0s'] });
  await have(consul, 10);
  expect((await bench.hitless('sync')).code).toBe(0);
  await have(consul, 2);

  const plan = await bench.hitless('plan');
  expect(plan.code).toBe(2);
  expect(plan.stdout).toContain('5 kept, 5 to remove');
  expect(plan.stdout).toMatch(
    /withheld {2}be_template {2}websrv8 127\.0\.1\.8:8080, .*websrv10 .* stay, since .*, until .*: deregistered/,
  );
  expect(await serving(lb)).toHaveLength(10);

  const sync = await bench.hitless('sync');
  expect(sync.code).toBe(3);
  expect(sync.stdout).toContain('1 of 1 instance converged, 5 serving');
  expect(sync.stdout).toContain('withheld');
  expect(await serving(lb)).toHaveLength(5);
  expect((await bench.hitless('plan')).code).toBe(2);
});

test('a Consul watch of type script runs sync whenever the service changes', async () => {
  const [lb, consul] = await Promise.all([haproxy(), agent()]);
  const bench = createBench({ consul: consul.url, instances: { lb: unix(lb) } });
  await have(consul, 1);
  await consul.setWatches([{ service: 'my-cluster', handler: { args: watchArgs(bench) } }]);
  await until(async () => (await serving(lb)).length === 1, { what: 'the watch to have sync run' });
  await have(consul, 3);
  await until(async () => (await serving(lb)).length === 3, { what: 'the watch to have sync run again' });
  expect((await bench.hitless('status')).stdout).toContain('1 of 1 instance converged');
});

function watchArgs({ folder }: Bench): string[] {
  const program = new URL('../../lib/cli/hitless.ts', import.meta.url).pathname;
  const config = ['--config', `${folder}/hitless.yml`];
  return [process.execPath, program, 'sync', ...config, '--watch-body', 'my-cluster'];
}

async function agent(): Promise<LocalConsul> {
  const consul = await startConsul();
  onTestFinished(() => consul.stop());
  return consul;
}

/** Has Consul consist of 127.0.1.1 to 127.0.1.COUNT. */
async function have(consul: LocalConsul, count: number): Promise<void> {
  const known = (await consul.health('my-cluster')).length;
  for (let number = known + 1; number <= count; number += 1) {
    await consul.register({
      id: `web${number}`,
      name: 'my-cluster',
      address: `127.0.1.${number}`,
      port: 8080,
    });
  }
  for (let number = known; number > count; number -= 1) await consul.deregister(`web${number}`);
  await until(async () => (await consul.health('my-cluster')).length === count, { what: 'the catalog' });
}

function commandsOf(stdout: string): Record<string, number> {
  const { edge } = JSON.parse(stdout).fleets;
  return Object.fromEntries(
    Object.entries<{ commands: number }>(edge.instances).map(([name, { commands }]) => [name, commands]),
  );
}
