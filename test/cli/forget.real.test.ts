/** Two hitless.yml for one fleet on one machine, and `hitless forget`, over several processes and a real HAProxy. */

import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { LocalHaproxy } from '../../infra/local/haproxy.ts';
import { createBench, fakeConsul, haproxy, unix } from './bench.ts';
import { endpoints } from './fake-consul.ts';

const BACKENDS = ['be_template', 'be_api']
  .map(
    (name) =>
      `backend ${name}\n  balance roundrobin\n  server-template websrv 1-100 127.0.0.1:8080 check disabled\n`,
  )
  .join('');

/** `hitless.yml` lists be_template, `other.yml` be_api; both were written long ago. */
async function start(differs: readonly string[] = []) {
  const [lb, consul] = await Promise.all([haproxy({ backend: BACKENDS }), fakeConsul()]);
  const backend = ['drain: 0s', ...differs];
  const bench = createBench({ consul: consul.url, instances: { lb: unix(lb) }, backend });
  const path = (name: string) => join(bench.folder, name);
  const text = readFileSync(path('hitless.yml'), 'utf8');
  const write = (name: string, content: string, writtenAtS: number) => {
    writeFileSync(path(name), content);
    utimesSync(path(name), writtenAtS, writtenAtS);
  };
  write('hitless.yml', text, 1_000);
  write('other.yml', text.replace('be_template:', 'be_api:'), 2_000);
  consul.register(endpoints(1, 4));
  const generation = () => Number(JSON.parse(bench.stored('fleets/edge/slots.json')).generation);
  return { ...bench, lb, consul, text, write, generation };
}

/** How many servers of a backend are not in maint. */
async function inRotation(lb: LocalHaproxy, backend: string): Promise<number> {
  const lines = (await lb.ask(`show servers state ${backend}`)).split('\n').slice(2);
  return lines.filter((line) => line !== '' && (Number(line.split(' ')[6]) & 1) === 0).length;
}

test('each follows Consul for its own backend, and neither takes out what the other put in', async () => {
  const { hitless, lb, generation } = await start();
  expect((await hitless('sync')).code).toBe(0);
  const other = await hitless('sync --config other.yml');
  expect(other.code).toBe(0);
  expect(other.stdout).toContain('unlisted  be_template  not listed here, 4 serving: stays as it is');
  const before = generation();
  for (const config of ['hitless.yml', 'other.yml', 'hitless.yml']) {
    expect((await hitless(`sync --config ${config}`)).code).toBe(0);
    expect((await hitless(`plan --config ${config}`)).code).toBe(0);
  }
  expect(generation()).toBe(before);
  expect([await inRotation(lb, 'be_template'), await inRotation(lb, 'be_api')]).toEqual([4, 4]);
  const { edge } = JSON.parse((await hitless('status --json')).stdout).fleets;
  expect(edge.unlisted).toMatchObject({ be_api: { slots: { serving: 4 }, parkingSince: null } });
});

test('a cron with an older file changes nothing: it says what differs, and exits with 3', async () => {
  const { hitless, text, write, generation } = await start();
  write('old.yml', text.replace('drain: 0s', 'keep: 10%'), 500);
  await hitless('sync');
  const { code, stdout } = await hitless('sync --config old.yml');
  expect(code).toBe(3);
  expect(stdout).toContain('this one differs in drain, keep and is not followed');
  const before = generation();
  for (const config of ['hitless.yml', 'old.yml', 'hitless.yml', 'old.yml'])
    await hitless(`sync --config ${config}`);
  expect(generation()).toBe(before);
  expect((await hitless('status')).stdout).toContain('an older hitless.yml, written 1970-01-01T00:08:20Z');
  write('old.yml', text.replace('drain: 0s', 'keep: 10%'), 3_000);
  expect((await hitless('sync --config old.yml')).code).toBe(0);
  expect((await hitless('plan')).code).toBe(2);
});

test('a backend that is forgotten leaves the table, and its servers serve on', async () => {
  const { hitless, lb } = await start();
  await hitless('sync');
  await hitless('sync --config other.yml');
  const { code, stdout } = await hitless('forget be_api');
  expect([code, stdout]).toEqual([0, 'fleet edge: generation 3, be_api has left the table\n']);
  expect(await inRotation(lb, 'be_api')).toBe(4);
  expect((await hitless('sync --config other.yml')).code).toBe(3);
  const again = await hitless('forget be_api --json');
  expect(again.code).toBe(0);
  expect(JSON.parse(again.stdout)).toEqual({
    ...{ fleet: 'edge', backend: 'be_api', generation: 3, known: false, left: null, lagging: [] },
  });
});

test('--park takes its servers out first, `keep` of them after `hold`; --wait stays until it has left', async () => {
  const { hitless, lb } = await start(['hold: 3s', 'keep: 50%']);
  await hitless('sync');
  await hitless('sync --config other.yml');
  const first = await hitless('forget be_api --park');
  expect(first.code).toBe(3);
  expect(first.stdout).toContain('be_api: 2 servers still in rotation until');
  expect(await inRotation(lb, 'be_api')).toBe(2);
  expect((await hitless('status')).stdout).toContain('be_api  not listed here, being parked since');
  const last = await hitless('forget be_api --park --wait');
  expect(last.code).toBe(0);
  expect([await inRotation(lb, 'be_api'), await inRotation(lb, 'be_template')]).toEqual([0, 4]);
  expect((await hitless('forget be_api --park')).code).toBe(0);
}, 30_000);

const mistakes = [
  { what: 'a backend that is listed', command: 'forget be_template', says: 'take it out there first' },
  { what: 'no backend', command: 'forget', says: "missing required argument 'backend'" },
  { what: 'a misspelt fleet', command: 'forget -f egde be_api', says: 'did you mean edge?' },
];
test.each(mistakes)('$what is refused, and nothing is done', async ({ command, says }) => {
  const { hitless } = createBench({
    consul: 'http://127.0.0.1:1',
    instances: { lb: 'unix:///nowhere.sock' },
  });
  const { code, stdout, stderr } = await hitless(command);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain(says);
});

test('a misspelt backend is not in the table, and the one that is meant is named', async () => {
  const { hitless } = await start();
  await hitless('sync --config other.yml');
  const { code, stdout } = await hitless('forget be_apy');
  expect([code, stdout]).toEqual([0, 'fleet edge: be_apy is not in the table; did you mean be_api?\n']);
});

test('has a help', async () => {
  const { hitless } = createBench({
    consul: 'http://127.0.0.1:1',
    instances: { lb: 'unix:///nowhere.sock' },
  });
  const { code, stdout } = await hitless('forget --help');
  expect(code).toBe(0);
  expect(stdout).toContain('Exit codes:');
});
