/** `hitless sync` when things are not as they should be: what it says, what it leaves alone, how it exits. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createBench, fakeConsul, haproxy, serving, tcp, unix } from './bench.ts';
import { endpoints, healthEntries } from './fake-consul.ts';

const CALL = 'GET /v1/health/service/my-cluster at http://127.0.0.1:';

describe('Consul', () => {
  test('hostile data are refused by name, the rest is applied, and exit 3 says so', async () => {
    const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
    const { hitless } = createBench({ consul: consul.url, instances: { lb: unix(lb) } });
    const hostile = [
      { address: '10.0.0.1;shutdown', port: 80 },
      { address: '10.0.0.1\nset server', port: 80 },
      { address: '10.0.0.1\0', port: 80 },
      { address: '#1', port: 80 },
      { address: '::1:8082', port: 80 },
      { address: 'localhost', port: 80 },
      { address: '127.0.1.9', port: 0 },
      { address: '127.0.1.9', port: 70_000 },
    ];
    consul.register([...hostile, { address: '127.0.1.1', port: 8080, tags: ['a;b\n', '$(x)'] }]);
    const { code, stdout, stderr } = await hitless('sync');
    expect([code, stderr]).toEqual([3, '']);
    for (const shown of [
      '10.0.0.1;shutdown',
      '10.0.0.1\\\\nset server',
      '10.0.0.1\\\\x00',
      '#1',
      '::1:8082',
      'localhost',
    ]) {
      expect(stdout).toContain(`refused   be_template  "${shown}" port 80: `);
    }
    expect(stdout).toContain('"127.0.1.9" port 70000: the port is not an integer from 1 to 65535');
    expect(await serving(lb)).toEqual(['websrv1 127.0.1.1:8080 ready']);
    expect((await hitless('sync')).code).toBe(3);
    expect((await hitless('plan')).code).toBe(2);
  });

  const failures = [
    {
      what: 'answers 500',
      answer: { status: 500, type: 'text/plain', body: 'No cluster leader' },
      says: 'No cluster leader',
    },
    {
      what: 'answers garbage',
      answer: { status: 200, type: 'application/json', body: '{"a": [' },
      says: 'answered 200',
    },
    {
      what: 'answers something else',
      answer: { status: 200, type: 'application/json', body: '{"a": 1}' },
      says: 'an object with a',
    },
  ];
  test.each(failures)('$what: nothing changes, and the message names the call', async ({ answer, says }) => {
    const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
    const { hitless } = createBench({ consul: consul.url, instances: { lb: unix(lb) } });
    consul.register(endpoints(1, 3));
    expect((await hitless('sync')).code).toBe(0);
    const before = await serving(lb);
    consul.answer = answer;
    const { code, stdout } = await hitless('sync');
    expect(code).toBe(3);
    expect(stdout).toContain(`Consul    ${CALL}`);
    expect(stdout).toContain(says);
    expect(await serving(lb)).toEqual(before);
  });

  test('is away: exit 1 before there is a table, exit 3 and nothing changed afterwards', async () => {
    const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
    consul.register(endpoints(1, 3));
    const here = { consul: consul.url, instances: { lb: unix(lb) } };
    const away = { ...here, consul: 'http://127.0.0.1:1' };
    const { hitless, configure } = createBench(away);
    const first = await hitless('sync');
    expect([first.code, first.stdout]).toEqual([1, '']);
    expect(first.stderr).toContain(`${CALL}1: connect ECONNREFUSED`);
    expect(await serving(lb)).toEqual([]);

    configure(here);
    expect((await hitless('sync')).code).toBe(0);
    configure(away);
    expect((await hitless('sync')).code).toBe(3);
    expect((await hitless('plan')).code).toBe(2);
    expect(await serving(lb)).toHaveLength(3);
  });

  test('is away, and a watch has handed over the endpoints: these are used', async () => {
    const lb = await haproxy();
    const { hitless } = createBench({ consul: 'http://127.0.0.1:1', instances: { lb: unix(lb) } });
    const { code, stdout } = await hitless('sync --watch-body my-cluster', {
      input: healthEntries(endpoints(1, 2)),
    });
    expect(code).toBe(3);
    expect(stdout).toContain('the body of the watch was used instead');
    expect(await serving(lb)).toHaveLength(2);
  });

  test('gets the token from HITLESS_CONSUL_TOKEN, and nobody else does', async () => {
    const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
    const { hitless } = createBench({ consul: consul.url, instances: { lb: unix(lb) } });
    const environment = { HITLESS_CONSUL_TOKEN: 'a-very-secret-token', HITLESS_DEBUG: '1' };
    consul.answer = { status: 403, type: 'text/plain', body: 'ACL not found: a-very-secret-token' };
    const { stdout, stderr } = await hitless('sync', { environment });
    expect(consul.tokens).toEqual(['a-very-secret-token']);
    expect(stderr).toContain('HITLESS_CONSUL_TOKEN is unknown');
    expect(stdout + stderr).not.toContain('a-very-secret-token');
  });
});

describe('standard input', () => {
  const bodies = [
    { what: 'is empty', input: '', says: 'standard input is empty' },
    { what: 'is no JSON', input: 'hello', says: 'standard input is not JSON' },
    {
      what: 'is of another watch',
      input: '{"web": ["v1"]}',
      says: 'expected the body of a watch of type "service"',
    },
  ];
  test.each(bodies)('that $what is not used: Consul is asked, and that is enough', async ({
    input,
    says,
  }) => {
    const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
    const { hitless } = createBench({ consul: consul.url, instances: { lb: unix(lb) } });
    consul.register(endpoints(1, 1));
    const { code, stderr } = await hitless('sync --watch-body my-cluster', { input });
    expect(code).toBe(0);
    expect(stderr).toContain(`hitless: --watch-body my-cluster is not used: ${says}`);
  });

  test('that is open and silent does not keep a sync without --watch-body', async () => {
    const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
    const { hitless } = createBench({ consul: consul.url, instances: { lb: unix(lb) } });
    consul.register(endpoints(1, 1));
    expect((await hitless('sync', { input: 'open' })).code).toBe(0);
  });

  test('for a service that no backend uses is refused', async () => {
    const { hitless } = createBench({
      consul: 'http://127.0.0.1:1',
      instances: { lb: 'unix:///nowhere.sock' },
    });
    const { code, stderr } = await hitless('sync --watch-body my-clutser', { input: '[]' });
    expect(code).toBe(1);
    expect(stderr).toContain('no fleet uses the service "my-clutser", only my-cluster');
  });
});

test('an instance that is dead and one without rights are named, the good one converges, and exit 3 says so', async () => {
  const [lb, limited, consul] = await Promise.all([haproxy(), haproxy({ level: 'operator' }), fakeConsul()]);
  const { hitless } = createBench({
    consul: consul.url,
    instances: { good: tcp(lb), limited: unix(limited), dead: 'unix:///nowhere.sock' },
  });
  consul.register(endpoints(1, 3));
  const { code, stdout } = await hitless('sync');
  expect(code).toBe(3);
  expect(stdout).toContain('1 of 3 instances converged');
  expect(stdout).toMatch(/^ {2}good +converged .* 0 kept, 3 added, 97 parked$/m);
  expect(stdout).toMatch(/^ {2}limited +lagging .*Permission denied.*level admin/m);
  expect(stdout).toMatch(/^ {2}dead +lagging .*unix:\/\/\/nowhere\.sock/m);
  expect(await serving(lb)).toHaveLength(3);

  const told = JSON.parse((await hitless('sync --json')).stdout).fleets.edge;
  expect(told.instances.good).toMatchObject({ converged: true, reason: null, commands: 0, kept: 3 });
  expect(told.instances.dead).toMatchObject({ converged: false, pid: null, kept: null, commands: 0 });
});

test('a store that cannot be written: exit 1, and no instance is touched', async () => {
  const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
  const { hitless, folder } = createBench({ consul: consul.url, instances: { lb: unix(lb) } });
  consul.register(endpoints(1, 3));
  writeFileSync(join(folder, 'store'), 'a file in the way');
  const { code, stdout, stderr } = await hitless('sync');
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain(`fleet edge: cannot put ${folder}/store/`);
  expect(await serving(lb)).toEqual([]);
});

test('a fleet whose table is damaged is told about, the other one is brought in step, and exit 3 says so', async () => {
  const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
  const { hitless, folder } = createBench({ consul: consul.url, instances: { lb: unix(lb) } });
  const west =
    '  west: { instances: { w: "tcp://127.0.0.1:1" }, backends: { be: { service: my-cluster } } }\n';
  writeFileSync(join(folder, 'hitless.yml'), west, { flag: 'a' });
  mkdirSync(join(folder, 'store/fleets/west'), { recursive: true });
  writeFileSync(join(folder, 'store/fleets/west/slots.json'), '{');
  consul.register(endpoints(1, 3));
  const { code, stdout, stderr } = await hitless('sync --json');
  expect(code).toBe(3);
  expect(stderr).toContain('hitless: fleet west: fleets/west/slots.json: is not JSON');
  const { edge, west: damaged } = JSON.parse(stdout).fleets;
  expect(edge.instances.lb.converged).toBe(true);
  expect(damaged).toEqual({ error: expect.stringContaining('is not JSON') });
  expect(await serving(lb)).toHaveLength(3);
  expect((await hitless('sync --fleet west')).code).toBe(1);
  expect((await hitless('sync --fleet edge')).code).toBe(0);
});

test('a configuration that cannot be written does not stop the sync, and exit 3 says so', async () => {
  const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
  const here = { consul: consul.url, instances: { lb: unix(lb) }, fleet: ['template: edge.cfg.j2'] };
  const { hitless, folder } = createBench(here);
  mkdirSync(join(folder, 'store/fleets/edge/haproxy.cfg'), { recursive: true });
  consul.register(endpoints(1, 3));
  const { code, stdout, stderr } = await hitless('sync');
  expect(code).toBe(3);
  expect(stderr).toMatch(/^hitless: edge: cannot get .*haproxy\.cfg: EISDIR/);
  expect(stdout).toContain('1 of 1 instance converged');
  expect(await serving(lb)).toHaveLength(3);
});

test('two syncs at once publish one generation, and both end well', async () => {
  const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
  const { hitless, stored } = createBench({
    consul: consul.url,
    instances: { lb: unix(lb) },
    backend: ['drain: 0s', 'keep: 0%'],
  });
  for (const [index, net] of [1, 2].entries()) {
    consul.register(endpoints(net, 5));
    await Promise.all([hitless('sync'), hitless('sync')]);
    expect((await hitless('sync')).code).toBe(0);
    expect(JSON.parse(stored('fleets/edge/slots.json')).generation).toBe(index + 1);
    expect((await serving(lb)).map((line) => line.split(' ')[1]?.split('.')[2])).toEqual(
      Array(5).fill(`${net}`),
    );
  }
});

test('--wait stays until nothing drains, and says on standard error what it waits for', async () => {
  const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
  const { hitless } = createBench({
    consul: consul.url,
    instances: { lb: unix(lb) },
    backend: ['drain: 2s'],
  });
  consul.register(endpoints(1, 3));
  await hitless('sync');
  consul.register(endpoints(1, 2));
  const { code, stdout, stderr } = await hitless('sync --wait');
  expect(code).toBe(0);
  expect(stderr).toMatch(/^hitless: fleet edge: waiting for 1 draining until \S+Z\n$/);
  expect(stdout).toContain('2 serving, 98 free');
  expect(stdout).toContain('- be_template/websrv3  drain 127.0.1.3:8080');
  expect(await serving(lb)).toHaveLength(2);
  expect((await hitless('plan')).code).toBe(0);
});

test('without --wait a slot stays reserved for its drain, and that is no reason to complain', async () => {
  const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
  const { hitless } = createBench({
    consul: consul.url,
    instances: { lb: unix(lb) },
    backend: ['drain: 5m'],
  });
  consul.register(endpoints(1, 3));
  await hitless('sync');
  consul.register(endpoints(1, 2));
  const { code, stdout } = await hitless('sync');
  expect(code).toBe(0);
  expect(stdout).toMatch(/2 serving, 1 draining until \S+Z, 97 free/);
  expect(await serving(lb)).toEqual(['websrv1 127.0.1.1:8080 ready', 'websrv2 127.0.1.2:8080 ready']);
});

test('a weight that HAProxy cannot have is clamped, and a notice on standard error says so', async () => {
  const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
  const { hitless } = createBench({ consul: consul.url, instances: { lb: unix(lb) } });
  consul.register([{ address: '127.0.1.1', port: 80, weight: 300 }]);
  const { code, stdout, stderr } = await hitless('sync');
  expect(code).toBe(0);
  expect(stderr).toContain(
    "hitless: edge/be_template: 127.0.1.1:80: Consul's weight 300 is more than HAProxy has",
  );
  expect(stdout).toContain('add 127.0.1.1:80 weight 256');
});
