/**
 * The package as people get it: packed, installed into an empty prefix without a network, and used from an environment as
 * empty as cron's and by a watch of a real Consul, with every Node.js that this machine has.
 */

import { execFile, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { buildCommand } from '../../../infra/command/build.ts';
import { startConsul } from '../../../infra/local/consul.ts';
import { startHaproxy } from '../../../infra/local/haproxy.ts';
import { type TemporaryFolder, temporaryFolder } from '../../../infra/local/temporary-folder.ts';
import { until } from '../../../infra/local/until.ts';
import manifest from '../../../package.json' with { type: 'json' };

const top = join(import.meta.dirname, '../../..');
const BACKEND = `backend be_template
  balance roundrobin
  server-template websrv 1-20 127.0.0.1:8080 disabled
`;
const web = (number: number) => ({
  ...{ id: `web${number}`, name: 'my-cluster', address: `127.0.1.${number}`, port: 8080 },
});

let prefix: TemporaryFolder;

beforeAll(async () => {
  prefix = temporaryFolder('prefix');
  const packed = join(prefix.path, 'packed');
  const checkout = join(prefix.path, 'checkout');
  mkdirSync(packed);
  for (const part of [...manifest.files, 'package.json', 'README.md']) {
    if (!part.startsWith('dist/')) cpSync(join(top, part), join(checkout, part), { recursive: true });
  }
  await buildCommand(join(checkout, 'dist/hitless.cjs'));
  const npm = (words: readonly string[], cwd: string) =>
    promisify(execFile)('npm', words, {
      cwd,
      env: { ...process.env, npm_config_cache: join(prefix.path, 'cache') },
    });
  // The build is done: `prepare` would ask the whole checkout for it.
  await npm(['pack', '--ignore-scripts', '--pack-destination', packed], checkout);
  const [file = ''] = readdirSync(packed);
  const into = ['--prefix', join(prefix.path, 'usr')];
  await npm(
    ['install', '--global', '--offline', '--no-audit', '--no-fund', ...into, join(packed, file)],
    '/',
  );
}, 120_000);

afterAll(() => prefix.remove());

const installed = () => join(prefix.path, 'usr/bin/hitless');

test('it is little: the command, its documents, the host programs and the examples', () => {
  const folder = join(prefix.path, 'usr/lib/node_modules/hitless');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    lstatSync(join(folder, name)).isFile(),
  );
  const bytes = files.reduce((sum, name) => sum + lstatSync(join(folder, name)).size, 0);
  expect(bytes).toBeLessThan(3_000_000);
  expect(files.filter((name) => /\.ts$|node_modules|^test/.test(name))).toEqual([]);
  for (const wanted of [
    'dist/hitless.cjs',
    'README.md',
    'SECURITY.md',
    'infra/host/hitless-pull',
    'infra/host/hitless.service',
  ])
    expect(files).toContain(wanted);
  expect(readFileSync(join(folder, 'package.json'), 'utf8')).not.toContain('"dependencies"');
});

/** The one that runs this test, and the machine's own. */
const NODES = [process.execPath, '/usr/bin/node'].filter((path) => existsSync(path));

describe.each(NODES)('with %s', (node) => {
  /** As cron starts it: no environment but a path, on which this Node.js is, and a home. */
  function fromNothing(home: string): readonly string[] {
    const bin = join(home, 'bin');
    mkdirSync(bin, { recursive: true });
    if (!existsSync(join(bin, 'node'))) symlinkSync(node, join(bin, 'node'));
    return ['/usr/bin/env', '-i', `PATH=${bin}:/usr/bin:/bin`, `HOME=${home}`, installed()];
  }

  test('check, plan, sync, status, run, and the handler of a watch work', async () => {
    const home = temporaryFolder('home');
    const [lb, consul] = await Promise.all([
      startHaproxy({ backend: BACKEND }),
      startConsul({ services: [web(1), web(2)] }),
    ]);
    onTestFinished(async () => {
      await Promise.all([lb.stop(), consul.stop()]);
      home.remove();
    });
    const config = join(home.path, 'hitless.yml');
    writeFileSync(
      config,
      `consul: { address: "${consul.url}" }
store: "file:${home.path}/store"
fleets: { edge: { instances: { lb: "unix://${lb.socket}" }, backends: { be_template:
  { service: my-cluster, server: websrv, slots: 20, options: "", keep: 0%, drain: 0s } } } }
`,
    );
    const [env = '', ...start] = fromNothing(home.path);
    const hitless = async (...words: string[]) => {
      const args = [...start, ...words, '--config', config];
      const done = promisify(execFile)(env, args, { cwd: '/' }).then(
        ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
        ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
      );
      return done;
    };
    const inRotation = async () => {
      const stat = await lb.ask('show stat');
      return stat.split('\n').filter((line) => /^be_template,websrv\d+,/.test(line) && !/,MAINT,/.test(line))
        .length;
    };

    expect(await hitless('check', '--live')).toMatchObject({ code: 0, stderr: '' });
    expect(await hitless('plan')).toMatchObject({ code: 2, stderr: '' });
    expect(await hitless('sync')).toMatchObject({ code: 0, stderr: '' });
    expect(await inRotation()).toBe(2);
    expect(await hitless('plan')).toMatchObject({ code: 0, stderr: '' });
    expect(await hitless('status')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('generation 1'),
    });

    const handler = [env, ...start, 'sync', '--config', config, '--watch-body', 'my-cluster'];
    await consul.setWatches([{ service: 'my-cluster', handler: { args: handler } }]);
    await consul.register(web(3));
    await until(async () => (await inRotation()) === 3, { what: 'the watch to have it synced' });
    expect(consul.output()).not.toMatch(/Failed to (?:run|invoke)/i);
    await consul.setWatches([]);

    const running = spawn(env, [...start, 'run', '--config', config], { cwd: '/', stdio: 'pipe' });
    const ended = new Promise((resolve) => running.once('close', resolve));
    onTestFinished(async () => {
      running.kill('SIGKILL');
      await ended;
    });
    await consul.register(web(4));
    await until(async () => (await inRotation()) === 4, { what: 'the running command to have it' });
    await consul.deregister('web1');
    await until(async () => (await inRotation()) === 3, { what: 'the running command to let it go' });
    running.kill('SIGTERM');
    expect(await ended).toBe(0);
  }, 90_000);
});
