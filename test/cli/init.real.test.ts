/** `hitless init`: what it proposes for running HAProxies, and that the other commands take it. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { startConsul } from '../../infra/local/consul.ts';
import { haproxyVersions } from '../../infra/local/servers.ts';
import { temporaryFolder } from '../../infra/local/temporary-folder.ts';
import { ARTICLE_BACKEND, haproxy } from './bench.ts';
import { runHitless } from './run-hitless.ts';

async function agent(services: Readonly<Record<string, number>>) {
  const registrations = Object.entries(services).flatMap(([name, count], nth) =>
    Array.from({ length: count }, (_, index) => ({
      ...{ id: `${name}-${index + 1}`, name, address: `127.0.${62 + nth}.${index + 1}`, port: 8080 },
    })),
  );
  const consul = await startConsul({ services: registrations });
  onTestFinished(() => consul.stop());
  return consul;
}

function room() {
  const folder = temporaryFolder('init');
  onTestFinished(() => folder.remove());
  return {
    folder: folder.path,
    hitless: (...words: string[]) => runHitless(words, { folder: folder.path }),
  };
}

describe.each(await haproxyVersions())('HAProxy $version', ({ path: binary }) => {
  test("the article's example: check --live accepts what it writes, and plan says what a person expects", async () => {
    const [lb, consul] = await Promise.all([
      haproxy({ binary, backend: ARTICLE_BACKEND }),
      agent({ 'my-cluster': 3 }),
    ]);
    const { folder, hitless } = room();
    const asked = [
      '--socket',
      lb.socket,
      '--consul',
      consul.url,
      '--store',
      'file:store',
      '--output',
      'hitless.yml',
    ];
    expect(await hitless('init', ...asked)).toMatchObject({ code: 0, stdout: '' });
    const text = readFileSync(join(folder, 'hitless.yml'), 'utf8');
    expect(parse(text).fleets.edge).toEqual({
      instances: { lb1: `unix://${lb.socket}` },
      backends: {
        be_template: {
          ...{ service: 'my-cluster', server: 'websrv', slots: 100, placeholder: '127.0.0.1:8080' },
          options: 'cookie {{ server }} check',
        },
      },
    });
    expect(text).toContain('a guess: it is the only service that Consul has');
    expect(await hitless('check', '--live')).toMatchObject({ code: 0 });
    const plan = await hitless('plan');
    expect(plan.code).toBe(2);
    expect(plan.stdout.match(/^.*\badd\b.*127\.0\.62\./gm)).toHaveLength(3);
    expect((await hitless('sync')).code).toBe(0);

    const again = await hitless('init', ...asked);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('hitless.yml is there already')]);
    const { stdout } = await hitless('init', ...asked.slice(0, 4));
    expect(stdout).toContain('3 of its 3 endpoints are served here already');
  });

  test('what does not fit is said, and what is not sure is a comment', async () => {
    const backend = `backend be_template
  balance source
  server-template websrv 1-4 127.0.0.1:8080 check disabled
  server old 127.0.0.1:9 check
  server follower 127.0.0.1:9 track be_template/old
  server local unix@/tmp/nobody.sock
backend be_web-shop
  server-template shop 1-2 0.0.0.0:80 disabled
backend be_fixed
  server srv1 127.0.0.1:9
`;
    const [lb, consul] = await Promise.all([haproxy({ binary, backend }), agent({ web_shop: 1, other: 1 })]);
    const { hitless } = room();
    const { code, stdout } = await hitless('init', '--socket', lb.socket, '--consul', consul.url);
    expect(code).toBe(0);
    expect(Object.keys(parse(stdout).fleets.edge.backends)).toEqual(['be_web-shop']);
    expect(parse(stdout).fleets.edge.backends['be_web-shop']).toMatchObject({
      service: 'web_shop',
      slots: 2,
    });
    for (const said of [
      'balance source is static',
      'old, follower, local stay as they are',
      'local: a unix socket',
      'follower: `track`',
      'Consul has other, web_shop',
      'be_fixed: it has no free slot',
    ])
      expect(stdout).toContain(said);
    expect(stdout).toContain('# be_template:\n');
  });
});

test('nothing to ask, nobody there, no backend that fits: one message, and no file', async () => {
  const { folder, hitless } = room();
  expect((await hitless('init')).stderr).toContain('say which HAProxy: --socket PATH or --tcp HOST:PORT');
  expect((await hitless('init', '--tcp', 'nowhere')).stderr).toContain(
    'tcp://nowhere: expected tcp://host:port',
  );
  const nobody = await hitless('init', '--socket', 'nobody.sock', '--output', 'hitless.yml');
  expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining('nobody.sock')]);
  const lb = await haproxy({ backend: 'backend be_template\n  server srv1 127.0.0.1:9\n' });
  const consul = await agent({});
  const none = await hitless(
    'init',
    '--socket',
    lb.socket,
    '--consul',
    consul.url,
    '--output',
    'hitless.yml',
  );
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('be_template: it has no free slot')]);
  const away = await hitless('init', '--socket', lb.socket, '--consul', 'http://127.0.0.1:1');
  expect([away.code, away.stderr]).toEqual([1, expect.stringContaining('/v1/catalog/services')]);
  expect(existsSync(join(folder, 'hitless.yml'))).toBe(false);
});
