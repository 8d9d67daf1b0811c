/** `hitless plan` tells what sync would do, and does nothing itself. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createBench, fakeConsul, haproxy, serving, unix } from './bench.ts';
import { endpoints } from './fake-consul.ts';

test('before the first sync it shows the first table, writes nothing, and exits 2', async () => {
  const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
  const { hitless, folder } = createBench({ consul: consul.url, instances: { lb: unix(lb) } });
  consul.register(endpoints(1, 2));
  const before = await lb.ask('show servers state');
  const { code, stdout, stderr } = await hitless('plan');
  expect([code, stderr]).toEqual([2, '']);
  expect(stdout).toContain('fleet edge: generation 1 is the first; 2 serving, 98 free');
  expect(stdout).toContain('0 kept, 2 to add, 98 to park');
  expect(stdout).toContain('+ be_template/websrv1  add 127.0.1.1:8080 weight 1\n');
  expect(stdout).toContain('. be_template  park 98 unused slots at 0.0.0.0:80\n');
  expect(withoutTimes(await lb.ask('show servers state'))).toBe(withoutTimes(before));
  expect(existsSync(join(folder, 'store'))).toBe(false);
});

test('on load balancers that serve already it shows what is adopted', async () => {
  const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
  const { hitless } = createBench({ consul: consul.url, instances: { lb: unix(lb) } });
  for (const command of ['addr 127.0.1.2 port 8080', 'state ready']) {
    await lb.ask(`set server be_template/websrv7 ${command}`);
  }
  consul.register(endpoints(1, 2));
  const { stdout } = await hitless('plan');
  expect(stdout).toContain('generation 1 is the first, with what the instances serve already');
  expect(stdout).toContain('1 kept, 1 to add, 98 to park');
  expect(stdout).not.toContain('websrv7');
});

test('after a sync there is nothing to do, and exit 0; a change of Consul is something, and exit 2', async () => {
  const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
  const bench = createBench({ consul: consul.url, instances: { lb: unix(lb) } });
  consul.register(endpoints(1, 3));
  await bench.hitless('sync');
  const still = await bench.hitless('plan');
  expect(still.code).toBe(0);
  expect(still.stdout).toContain('generation 1, the slot table stays as it is');
  expect(still.stdout).toContain('nothing to do, 3 kept');

  consul.register(endpoints(1, 2));
  const before = contentsOf(join(bench.folder, 'store'));
  const { code, stdout } = await bench.hitless('plan --json');
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({
    fleets: {
      edge: {
        generation: 1,
        nextGeneration: 2,
        consulFailures: [],
        backends: { be_template: { slots: { total: 100, serving: 2, draining: 1, free: 97 } } },
        instances: {
          lb: {
            unreachable: null,
            pid: lb.pid,
            kept: 2,
            changes: [{ kind: 'drain', backend: 'be_template', slot: 'websrv3' }],
          },
        },
      },
    },
  });
  expect(contentsOf(join(bench.folder, 'store'))).toEqual(before);
  expect(await serving(lb)).toHaveLength(3);
});

test('a server that an operator holds is shown, and is nothing to do', async () => {
  const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
  const { hitless } = createBench({ consul: consul.url, instances: { lb: unix(lb) } });
  consul.register(endpoints(1, 3));
  await hitless('sync');
  await lb.ask('set server be_template/websrv2 state drain');
  const { code, stdout } = await hitless('plan');
  expect(code).toBe(0);
  expect(stdout).toContain('held by an operator  be_template/websrv2 in drain on lb');
  expect(stdout).toContain('nothing to do, 2 kept');
  await hitless('sync');
  expect(await serving(lb)).toContain('websrv2 127.0.1.2:8080 drain');
  expect((await hitless('status')).stdout).toContain(
    'held by an operator  be_template/websrv2 in drain on lb',
  );
});

test('an instance that cannot be reached and slots that are missing are something, with the reason', async () => {
  const small =
    'backend be_template\n  balance source\n  server-template websrv 1-2 127.0.0.1:8080 disabled\n';
  const [lb, consul] = await Promise.all([haproxy({ backend: small }), fakeConsul()]);
  const { hitless } = createBench({
    consul: consul.url,
    instances: { lb: unix(lb), dead: 'tcp://127.0.0.1:1' },
  });
  consul.register(endpoints(1, 3));
  await hitless('sync');
  const { code, stdout } = await hitless('plan');
  expect(code).toBe(2);
  expect(stdout).toMatch(
    /^ {2}dead +- +unreachable: no Runtime API at tcp:\/\/127\.0\.0\.1:1: connection refused/m,
  );
  expect(stdout).toMatch(
    /problem {3}lb: its configuration lacks be_template\/websrv3, and HAProxy .*; reload it with the rendered/,
  );
});

test('a long list is cut short, and --json has all of it', async () => {
  const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
  const { hitless } = createBench({ consul: consul.url, instances: { lb: unix(lb) } });
  consul.register(endpoints(1, 60));
  const { stdout } = await hitless('plan');
  expect(stdout).toContain('… and 40 more to add (--json lists all)');
  expect(stdout.split('\n').length).toBeLessThan(30);
  const { changes } = JSON.parse((await hitless('plan --json')).stdout).fleets.edge.instances.lb;
  expect(changes).toHaveLength(100);
});

/** The tenth column counts seconds. */
function withoutTimes(state: string): string {
  return state.replaceAll(/^((?:\S+ ){9})\d+ /gm, '$1');
}

function contentsOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(folder, name)).isFile(),
  );
  return Object.fromEntries(files.sort().map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}
