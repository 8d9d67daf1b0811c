import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { consulPath, haproxyPath, haproxyVersions } from '../../../infra/local/servers.ts';
import { temporaryFolder } from '../../../infra/local/temporary-folder.ts';

const before = { ...process.env };
let folder = '';
let remove = () => {};

beforeEach(() => {
  ({ path: folder, remove } = temporaryFolder('servers'));
  process.env = { PATH: join(folder, 'bin'), HOME: folder };
});
afterEach(() => {
  process.env = before;
  remove();
});

/** A program that says only its version. */
function fake(path: string, version = '2.6.12'): string {
  const file = join(folder, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, `#!/bin/sh\necho "HAProxy version ${version} 2026/01/01 - https://haproxy.org/"\n`);
  chmodSync(file, 0o755);
  return file;
}

test('a program on PATH is preferred to a fetched one', async () => {
  const fetched = fake('.cache/hitless/bin/consul');
  expect(await consulPath()).toBe(fetched);
  const own = fake('bin/consul');
  expect(await consulPath()).toBe(own);
});

test('the fetched ones are looked for below XDG_CACHE_HOME when it is set', async () => {
  process.env.XDG_CACHE_HOME = join(folder, 'elsewhere');
  const fetched = fake('elsewhere/hitless/bin/consul');
  expect(await consulPath()).toBe(fetched);
});

test('the tests run on the HAProxy of PATH and on the fetched 3.0', async () => {
  const [own, fetched] = [fake('bin/haproxy'), fake('.cache/hitless/bin/haproxy-3.0', '3.0.11')];
  expect(await haproxyVersions()).toEqual([
    { version: '2.6', path: own },
    { version: '3.0', path: fetched },
  ]);
});

test('a HAProxy of PATH that is 3.0 or newer is enough', async () => {
  const own = fake('bin/haproxy', '3.2.26');
  expect(await haproxyVersions()).toEqual([{ version: '3.2', path: own }]);
});

test('HITLESS_HAPROXY and HITLESS_CONSUL decide instead', async () => {
  fake('bin/haproxy');
  const [one, two, consul] = [fake('one', '2.2.9'), fake('two', '3.2.26'), fake('agent')];
  process.env.HITLESS_HAPROXY = `${one}:${two}`;
  process.env.HITLESS_CONSUL = consul;
  expect(await haproxyPath()).toBe(one);
  expect(await haproxyVersions()).toEqual([
    { version: '2.2', path: one },
    { version: '3.2', path: two },
  ]);
  expect(await consulPath()).toBe(consul);
});

test('what is missing is named, with the command that installs it', async () => {
  fake('bin/haproxy');
  const missing = { name: 'ServerMissing', message: expect.stringContaining('npm run setup -- --tests') };
  await expect(consulPath()).rejects.toMatchObject({ ...missing, program: 'consul' });
  await expect(haproxyVersions()).rejects.toMatchObject({ ...missing, program: 'haproxy-3.0' });
  process.env.HITLESS_HAPROXY = join(folder, 'nowhere');
  await expect(haproxyPath()).rejects.toMatchObject({ ...missing, program: 'haproxy' });
});
