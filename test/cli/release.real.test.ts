/** `hitless release`: what the guard kept goes when an operator says so, over several processes. */

import { expect, test } from 'vitest';
import { createBench, fakeConsul, haproxy, serving, unix } from './bench.ts';
import { endpoints } from './fake-consul.ts';

const RELEASE = 'release --fleet edge --backend be_template';

async function start(backend: readonly string[] = ['drain: 0s']) {
  const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
  const bench = createBench({ consul: consul.url, instances: { lb: unix(lb) }, backend });
  consul.register(endpoints(1, 10));
  expect((await bench.hitless('sync')).code).toBe(0);
  return { ...bench, lb, consul };
}

test('what is withheld stays through syncs, and goes with the first one after its release', async () => {
  const { hitless, lb, consul } = await start();
  consul.register(endpoints(1, 2));
  for (let pass = 0; pass < 2; pass += 1) {
    expect((await hitless('sync')).code).toBe(3);
    expect(await serving(lb)).toHaveLength(5);
  }
  const released = await hitless(RELEASE);
  expect([released.code, released.stderr]).toEqual([0, '']);
  expect(released.stdout).toContain('3 servers of be_template released; the next pass takes them out');
  expect(released.stdout).toMatch(
    /released {2}be_template\/websrv\d+ {2}127\.0\.1\.\d+:8080: deregistered, but/,
  );
  expect(await serving(lb)).toHaveLength(5);
  expect((await hitless('status')).stdout).toContain('released, the next pass lets it go');

  expect((await hitless('sync')).code).toBe(0);
  expect(await serving(lb)).toEqual(['websrv1 127.0.1.1:8080 ready', 'websrv2 127.0.1.2:8080 ready']);
  expect((await hitless('plan')).code).toBe(0);
});

test('an endpoint that comes back before that sync stays', async () => {
  const { hitless, lb, consul } = await start();
  consul.register(endpoints(1, 2));
  await hitless('sync');
  await hitless(RELEASE);
  consul.register(endpoints(1, 10));
  expect((await hitless('sync')).code).toBe(0);
  expect(await serving(lb)).toHaveLength(10);
  consul.register(endpoints(1, 2));
  await hitless('sync');
  expect(await serving(lb)).toHaveLength(5);
});

test('a backend of which Consul has nothing left is emptied by --empty alone', async () => {
  const { hitless, lb, consul, stored } = await start();
  consul.register([]);
  expect((await hitless('sync')).code).toBe(3);
  const before = stored('fleets/edge/slots.json');
  const refused = await hitless(RELEASE);
  expect(refused.code).toBe(3);
  expect(refused.stdout).toContain(
    'Without them be_template has no server at all. If that is meant, say --empty.',
  );
  expect(stored('fleets/edge/slots.json')).toBe(before);
  expect((await hitless('sync')).code).toBe(3);
  expect(await serving(lb)).toHaveLength(10);

  const released = await hitless(`${RELEASE} --empty --json`);
  expect(released.code).toBe(0);
  expect(JSON.parse(released.stdout)).toMatchObject({
    fleet: 'edge',
    backend: 'be_template',
    generation: 3,
    released: Array.from({ length: 10 }, (_, index) => ({
      slot: `websrv${index + 1}`,
      address: `127.0.1.${index + 1}`,
      port: 8080,
      until: null,
    })),
    staying: [],
  });
  expect((await hitless('sync')).code).toBe(0);
  expect(await serving(lb)).toEqual([]);
});

test('a backend that may be empty is emptied without a word', async () => {
  const { hitless, lb, consul } = await start(['drain: 0s', 'keep: 0%', 'allow_empty: true']);
  consul.register([]);
  expect((await hitless('sync')).code).toBe(0);
  expect(await serving(lb)).toEqual([]);
});

test('with nothing withheld, or no table at all, there is nothing to release', async () => {
  const { hitless, stored } = await start();
  const before = stored('fleets/edge/slots.json');
  const { code, stdout } = await hitless(RELEASE);
  expect([code, stdout]).toEqual([0, 'fleet edge: nothing is withheld in be_template\n']);
  expect(stored('fleets/edge/slots.json')).toBe(before);
  const fresh = createBench({ consul: 'http://127.0.0.1:1', instances: { lb: 'unix:///nowhere.sock' } });
  expect((await fresh.hitless(RELEASE)).code).toBe(0);
});

test('two releases and a sync at once: each generation is published once, and nobody is lost', async () => {
  const { hitless, lb, consul, stored } = await start();
  consul.register(endpoints(1, 2));
  await hitless('sync');
  const all = await Promise.all([hitless(RELEASE), hitless(RELEASE), hitless('sync')]);
  expect(all.map(({ code }) => code).slice(0, 2)).toEqual([0, 0]);
  expect((await hitless('sync')).code).toBe(0);
  expect(await serving(lb)).toHaveLength(2);
  expect(JSON.parse(stored('fleets/edge/slots.json')).generation).toBe(4);
});

const mistakes = [
  { what: 'no backend', command: 'release --fleet edge', says: "required option '-b, --backend <name>'" },
  { what: 'a misspelt backend', command: 'release -f edge -b be_templat', says: 'did you mean be_template?' },
  { what: 'a misspelt fleet', command: 'release -f egde -b be_template', says: 'did you mean edge?' },
];
test.each(mistakes)('$what is said, and nothing is done', async ({ command, says }) => {
  const { hitless } = createBench({
    consul: 'http://127.0.0.1:1',
    instances: { lb: 'unix:///nowhere.sock' },
  });
  const { code, stdout, stderr } = await hitless(command);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain(says);
});
