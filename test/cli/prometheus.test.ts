/** `status --prometheus`, and the alert rules and the dashboard that go with it. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { METRICS } from '../../lib/cli/output/prometheus-text.ts';
import { ARTICLE_BACKEND, createBench, fakeConsul, haproxy, unix } from './bench.ts';
import { endpoints } from './fake-consul.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Every sample as `name{labels} value`. */
function samples(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

test('tells of a fleet what status tells, each metric with its help and type', async () => {
  const consul = await fakeConsul();
  consul.register([...endpoints(1, 3), { address: 'localhost', port: 8080 }]);
  const lb = await haproxy({ backend: ARTICLE_BACKEND });
  const { hitless } = createBench({
    consul: consul.url,
    instances: { lb1: unix(lb), lb2: 'tcp://127.0.0.1:1' },
  });
  await hitless('sync');
  await lb.ask('set server be_template/websrv1 state drain');
  await hitless('sync');
  const { stdout, code } = await hitless('status --prometheus');
  expect(code).toBe(0);
  const told = samples(stdout);
  expect(told).toContain('hitless_store_readable{fleet="edge"} 1');
  expect(told).toContain('hitless_generation{fleet="edge"} 1');
  expect(told).toContain('hitless_instance_converged{fleet="edge",instance="lb1"} 1');
  expect(told).toContain('hitless_instance_converged{fleet="edge",instance="lb2"} 0');
  expect(told).toContain('hitless_slots{fleet="edge",backend="be_template",state="serving"} 3');
  expect(told).toContain('hitless_refused{fleet="edge",backend="be_template"} 1');
  expect(told).toContain('hitless_operator_held{fleet="edge",backend="be_template"} 1');
  for (const name of new Set(told.map((line) => line.split(/[{ ]/)[0]))) {
    expect(stdout).toContain(`# HELP ${name} `);
    expect(stdout).toContain(`# TYPE ${name} gauge`);
    expect(Object.keys(METRICS)).toContain(name);
  }
});

test('a store that cannot be read is a metric and exit code 1', async () => {
  const { hitless, folder } = createBench({
    consul: 'http://127.0.0.1:1',
    instances: { lb1: 'tcp://127.0.0.1:1' },
  });
  writeFileSync(join(folder, 'store'), 'a file, and no folder');
  const { stdout, code } = await hitless('status --prometheus');
  expect([samples(stdout), code]).toEqual([['hitless_store_readable{fleet="edge"} 0'], 1]);
});

test('two formats at once are refused', async () => {
  const { hitless } = createBench({ consul: 'http://127.0.0.1:1', instances: { lb1: 'tcp://127.0.0.1:1' } });
  const { stderr, code } = await hitless('status --prometheus --json');
  expect([code, stderr]).toEqual([1, 'hitless: --prometheus and --json are two formats: choose one\n']);
});

const texts = {
  'examples/prometheus/hitless.rules.yml': (text: string) => parse(text).groups,
  'examples/grafana/hitless.json': (text: string) => JSON.parse(text).panels,
};

test.each(
  Object.entries(texts),
)('%s asks for metrics that there are, with labels that they have', (path, read) => {
  const text = readFileSync(join(ROOT, path), 'utf8');
  expect(read(text).length).toBeGreaterThan(0);
  const asked = [...text.matchAll(/\b(hitless_[a-z_]+)(?:\{([^}]*)\})?/g)];
  expect(asked.length).toBeGreaterThan(8);
  for (const [, name = '', labels = ''] of asked) {
    const known = Object.entries(METRICS).find(([metric]) => metric === name);
    expect(known, name).toBeDefined();
    const used = [...labels.matchAll(/([a-z]+)\s*=~?/g)].map(([, label]) => label);
    expect(known?.[1].labels).toEqual(expect.arrayContaining(used));
  }
});

test('the dashboard shows every metric', () => {
  const text = readFileSync(join(ROOT, 'examples/grafana/hitless.json'), 'utf8');
  expect(Object.keys(METRICS).filter((name) => !text.includes(name))).toEqual([]);
});
