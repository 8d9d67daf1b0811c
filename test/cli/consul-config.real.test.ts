/** `hitless consul-config`: what it prints is what a Consul agent takes, and the watches do their work. */

import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { startConsul } from '../../infra/local/consul.ts';
import { until } from '../../infra/local/until.ts';
import { ARTICLE_BACKEND, createBench, haproxy, unix } from './bench.ts';

const PROGRAM = fileURLToPath(new URL('../../lib/cli/hitless.ts', import.meta.url));

test('--script: an agent with these watches brings a registration into rotation', async () => {
  const consul = await startConsul();
  onTestFinished(() => consul.stop());
  const lb = await haproxy({ backend: ARTICLE_BACKEND });
  const { folder, hitless } = createBench({ consul: consul.url, instances: { lb: unix(lb) } });
  const program = join(folder, 'hitless');
  writeFileSync(program, `#!/bin/sh\nexec ${process.execPath} ${PROGRAM} "$@"\n`);
  chmodSync(program, 0o755);
  const { stdout, code } = await hitless(`consul-config --script ${program}`);
  expect(code).toBe(0);
  const { watches } = JSON.parse(stdout);
  expect(watches).toEqual([
    {
      type: 'service',
      service: 'my-cluster',
      handler_type: 'script',
      args: [program, 'sync', '--config', join(folder, 'hitless.yml'), '--watch-body', 'my-cluster'],
    },
  ]);
  await consul.setWatches([{ service: watches[0].service, handler: { args: watches[0].args } }]);
  await consul.register({ id: 'web-1', name: 'my-cluster', address: '127.0.61.1', port: 8080 });
  await until(
    async () =>
      (await lb.ask('show servers state be_template')).includes(' 127.0.61.1 ') ? true : undefined,
    { what: 'the watch to bring the server in' },
  );
});

test('--webhook: each service is posted to its path, with the first token', async () => {
  const { hitless } = createBench({ consul: 'http://127.0.0.1:1', instances: { lb: 'tcp://127.0.0.1:1' } });
  const environment = { HITLESS_WEBHOOK_TOKENS: 'new-token, old-token' };
  const { stdout, stderr } = await hitless('consul-config --webhook https://api.example.com/prod/', {
    environment,
  });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout).watches[0]).toMatchObject({
    handler_type: 'http',
    http_handler_config: {
      path: 'https://api.example.com/prod/watch/my-cluster',
      method: 'POST',
      header: { Authorization: ['Bearer new-token'] },
    },
  });
});

test.each([
  { what: 'neither', args: '', says: 'say how: --script, or --webhook URL' },
  { what: 'what is no URL', args: ' --webhook api.example.com', says: '"api.example.com" is no URL' },
  { what: 'both', args: ' --script x --webhook http://a', says: 'cannot be used with' },
])('$what: one sentence', async ({ args, says }) => {
  const { hitless } = createBench({ consul: 'http://127.0.0.1:1', instances: { lb: 'tcp://127.0.0.1:1' } });
  const { stdout, stderr, code } = await hitless(`consul-config${args}`);
  expect([stdout, code]).toEqual(['', 1]);
  expect(stderr).toContain(says);
});

test('without a token it says where one goes', async () => {
  const { hitless } = createBench({ consul: 'http://127.0.0.1:1', instances: { lb: 'tcp://127.0.0.1:1' } });
  const { stdout, stderr } = await hitless('consul-config --webhook http://127.0.0.1:1', {
    environment: { HITLESS_WEBHOOK_TOKENS: '' },
  });
  expect(stdout).toContain('Bearer TOKEN');
  expect(stderr).toContain('HITLESS_WEBHOOK_TOKENS');
});
