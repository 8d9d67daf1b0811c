import { execFile, execFileSync } from 'node:child_process';
import { chmod, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../../infra/local/until.ts';
import {
  configuration,
  type PullingHost,
  program,
  publish,
  published,
  pullingHost,
  run,
} from './pulling-host.ts';

let host: PullingHost;
beforeEach(async () => {
  host = await pullingHost();
});
afterEach(() => host.remove());

const on = (text: string) => `hitless-pull: ${text}\n`;

describe('a first pull', () => {
  test('installs the file and reloads', async () => {
    await publish(host, published(7, configuration()));
    expect(await host.pull()).toEqual({
      code: 0,
      stdout: on('installed generation 7 of fleet edge (the first one); reloaded HAProxy'),
      stderr: '',
    });
    expect(await host.read(host.configFile)).toBe(configuration());
    expect(await host.reloads()).toBe(1);
    expect(await readdir(join(host.folder, 'etc'))).toEqual(['haproxy.cfg']);
  });

  test('reloads nothing when the file is there already', async () => {
    await writeFile(host.configFile, configuration());
    await publish(host, published(7, configuration()));
    expect((await host.pull()).stdout).toBe(on('generation 7 of fleet edge is in place already'));
    expect(await host.reloads()).toBe(0);
    expect((await host.pull()).stdout).toBe(on('generation 7 of fleet edge is in place, nothing to do'));
  });

  test('understands compact JSON, too', async () => {
    const { current, text } = published(7, configuration());
    await publish(host, { text, current: JSON.stringify(JSON.parse(current)) });
    expect((await host.pull()).code).toBe(0);
  });

  test('keeps the file of the operator as the previous one, its mode, and a link that leads to it', async () => {
    const real = join(host.folder, 'real.cfg');
    await writeFile(real, 'by hand\n');
    await chmod(real, 0o640);
    await symlink(real, host.configFile);
    await publish(host, published(7, configuration()));
    expect((await host.pull()).code).toBe(0);
    expect(await host.read(`${real}.previous`)).toBe('by hand\n');
    expect(await host.read(real)).toBe(configuration());
    expect((await stat(real)).mode & 0o777).toBe(0o640);
    expect(await host.read(host.configFile)).toBe(configuration());
  });
});

describe('a later pull', () => {
  beforeEach(async () => {
    await publish(host, published(1, configuration()));
    await host.pull();
  });

  test('does nothing when nothing was published', async () => {
    expect(await host.pull()).toEqual({
      code: 0,
      stdout: on('generation 1 of fleet edge is in place, nothing to do'),
      stderr: '',
    });
    expect(await host.reloads()).toBe(1);
  });

  test('replaces the file without a reload when the structure is the same, and keeps the previous one', async () => {
    await publish(host, published(2, configuration('10.0.0.2')));
    expect((await host.pull()).stdout).toBe(on('installed generation 2 of fleet edge, no reload needed'));
    expect(await host.read(host.configFile)).toBe(configuration('10.0.0.2'));
    expect(await host.read(`${host.configFile}.previous`)).toBe(configuration());
    expect(await host.reloads()).toBe(1);
  });

  test('reloads when the structure is another one', async () => {
    await publish(host, published(2, configuration('10.0.0.1', 3), 'three slots'));
    expect((await host.pull()).stdout).toBe(on('installed generation 2 of fleet edge; reloaded HAProxy'));
    expect(await host.reloads()).toBe(2);
  });

  test('puts back a file that somebody changed, and reloads, for HAProxy may run the other one', async () => {
    await writeFile(host.configFile, 'by hand\n');
    expect((await host.pull()).stdout).toBe(
      on('installed generation 1 of fleet edge over a file that somebody else had changed; reloaded HAProxy'),
    );
    expect(await host.read(host.configFile)).toBe(configuration());
    expect(await host.read(`${host.configFile}.previous`)).toBe('by hand\n');
    await rm(host.configFile);
    expect((await host.pull()).code).toBe(0);
    expect(await host.read(host.configFile)).toBe(configuration());
  });

  test('tries a failed reload again until it works, with nothing new in the store', async () => {
    await publish(host, published(2, configuration('10.0.0.1', 3), 'three slots'));
    const failing = await host.pull({ HITLESS_RELOAD: 'exit 7' });
    expect(failing).toEqual({
      code: 4,
      stdout: '',
      stderr: on(
        'installed generation 2 of fleet edge; the reload failed (exit 7), the next run tries it again',
      ),
    });
    expect((await host.pull({ HITLESS_RELOAD: 'false' })).code).toBe(4);
    expect((await host.pull()).stdout).toBe(
      on('generation 2 of fleet edge is in place, nothing to do; reloaded HAProxy'),
    );
    expect(await host.reloads()).toBe(2);
    await host.pull();
    expect(await host.reloads()).toBe(2);
  });

  test('tries a failed reload again although the store is gone', async () => {
    await publish(host, published(2, configuration('10.0.0.1', 3), 'three slots'));
    await host.pull({ HITLESS_RELOAD: 'false' });
    await rm(join(host.folder, 'store'), { recursive: true });
    expect((await host.pull()).code).toBe(1);
    expect(await host.reloads()).toBe(2);
  });
});

describe('a bad file never replaces a good one', () => {
  beforeEach(async () => {
    await publish(host, published(1, configuration()));
    await host.pull();
  });

  afterEach(async () => {
    expect(await host.read(host.configFile)).toBe(configuration());
    expect(await host.reloads()).toBe(1);
    expect(await readdir(join(host.folder, 'etc'))).toEqual(['haproxy.cfg']);
    // And the next good one is taken.
    await publish(host, published(3, configuration('10.0.0.3')));
    expect((await host.pull()).stdout).toBe(on('installed generation 3 of fleet edge, no reload needed'));
  });

  test('when HAProxy refuses it', async () => {
    await publish(host, published(2, 'backend be\n  servr a 10.0.0.1:80\n'));
    const { code, stderr } = await host.pull();
    expect(code).toBe(3);
    expect(stderr).toMatch(/HAProxy refuses generation 2 of fleet edge, the file was left as it is: .*servr/);
  });

  test('when it is not the one that was described', async () => {
    await publish(host, { ...published(2, configuration('10.0.0.2')), text: configuration('10.0.0.9') });
    const { code, stderr } = await host.pull();
    expect(code).toBe(1);
    expect(stderr).toContain(
      'is not the one that current.json describes (generation 2): left everything as it is',
    );
  });

  const broken = [
    { what: 'is empty', current: '' },
    { what: 'is no JSON', current: 'hello' },
    { what: 'has no digest', current: '{"version":1,"generation":2}' },
    {
      what: 'has a digest that is none',
      current: published(2, 'a').current.replace(/"sha256": "./, '"sha256": "X'),
    },
    {
      what: 'is of a later version',
      current: published(2, 'a').current.replace('"version": 1', '"version": 2'),
    },
  ];
  test.each(broken)('when current.json $what', async ({ current }) => {
    await publish(host, { current, text: 'a' });
    const { code, stderr } = await host.pull();
    expect(code).toBe(1);
    expect(stderr).toMatch(/does not describe a configuration|update it/);
  });

  test('when the configuration is missing', async () => {
    await publish(host, published(2, configuration('10.0.0.2')));
    await rm(join(host.folder, 'store/fleets/edge/haproxy.cfg'));
    expect(await host.pull()).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no such file'),
    });
  });

  test('when nothing is published', async () => {
    expect(await host.pull({ HITLESS_FLEET: 'other' })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('nothing is published for fleet other at '),
    });
  });
});

describe('what somebody else put into the store', () => {
  const place = () => join(host.folder, 'store/fleets/edge/current.json');

  test('is not read when it is too large, or a pipe', async () => {
    await publish(host, { current: ' '.repeat(65_537), text: '' });
    expect((await host.pull()).stderr).toBe(on(`cannot read ${place()}: it has more than 65536 bytes`));
    await rm(place());
    execFileSync('mkfifo', [place()]);
    expect((await host.pull()).stderr).toBe(on(`cannot read ${place()}: it is no file`));
  });

  test('reaches a terminal as one line of visible characters', async () => {
    const odd = 'be\x1b[31m\x07\u202e';
    await publish(host, published(1, `backend ${odd}\n`));
    const { code, stderr } = await host.pull();
    expect(code).toBe(3);
    expect(stderr).toMatch(/^hitless-pull: HAProxy refuses generation 1 .*be.*\n$/);
    expect(stderr).toMatch(/^[ -~]*\n$/);
  });
});

test('a configuration that is published at this moment is looked at again', async () => {
  await publish(host, { ...published(2, configuration('10.0.0.2')), text: configuration('10.0.0.9') });
  const pulling = host.pull();
  await until(() => host.read(join(host.folder, 'state/work/haproxy.cfg')), {
    what: 'the first look',
    every: 5,
  });
  await publish(host, published(3, configuration('10.0.0.3')));
  expect((await pulling).stdout).toContain('installed generation 3 of fleet edge');
});

test('two runs at once: the second one leaves the work to the first', async () => {
  await publish(host, published(1, configuration()));
  const reached = join(host.folder, 'reloading');
  const go = join(host.folder, 'go');
  const first = host.pull({ HITLESS_RELOAD: `touch ${reached}; until [ -e ${go} ]; do sleep 0.05; done` });
  await until(() => host.read(reached).then((text) => text !== null), { what: 'the reload to begin' });
  expect(await host.pull()).toEqual({ code: 5, stdout: '', stderr: on('another hitless-pull is running') });
  await writeFile(go, '');
  expect((await first).code).toBe(0);
});

test('a HAProxy that the reload starts does not hold the lock', async () => {
  await publish(host, published(1, configuration()));
  const stop = join(host.folder, 'stop');
  // It lives until the file is there, or the folder is gone.
  const daemon = `while [ -d ${host.folder} ] && [ ! -e ${stop} ]; do sleep 0.1; done`;
  expect((await host.pull({ HITLESS_RELOAD: `(${daemon}) >/dev/null 2>&1 &` })).code).toBe(0);
  expect((await host.pull()).code).toBe(0);
  await writeFile(stop, '');
});

describe('a wrong use', () => {
  const wrong = [
    { what: 'no store', differs: { HITLESS_STORE: '' }, says: 'HITLESS_STORE is not set' },
    { what: 'no fleet', differs: { HITLESS_FLEET: '' }, says: 'HITLESS_FLEET is not set' },
    {
      what: 'a fleet that is a path',
      differs: { HITLESS_FLEET: '../edge' },
      says: 'is not the name of a fleet',
    },
    {
      what: 'a store that is none',
      differs: { HITLESS_STORE: '/var/lib' },
      says: 'must be s3://BUCKET/PREFIX',
    },
    {
      what: 'a prefix with a space',
      differs: { HITLESS_STORE: 's3://b/a b' },
      says: 'characters that are not allowed',
    },
    {
      what: 'a missing HAProxy',
      differs: { HITLESS_HAPROXY: '/nowhere/haproxy' },
      says: '/nowhere/haproxy is not installed',
    },
    {
      what: 'a missing folder',
      differs: { HITLESS_CONFIG_FILE: '/nowhere/x/haproxy.cfg' },
      says: '/nowhere/x/haproxy.cfg',
    },
  ];
  test.each(wrong)('$what', async ({ differs, says }) => {
    const { code, stderr } = await host.pull(differs);
    expect(code).toBe(2);
    expect(stderr).toContain(says);
  });

  test('an argument that it does not know', async () => {
    expect(await run(['/bin/sh', program, '--force'], host.environment)).toEqual({
      code: 2,
      stdout: '',
      stderr: on('unknown argument --force, see --help'),
    });
  });

  test('--help names every setting and exit code', async () => {
    const { code, stdout } = await run(['/bin/sh', program, '--help'], {});
    expect(code).toBe(0);
    for (const word of ['HITLESS_STORE', 'HITLESS_RELOAD', 'AWS_SESSION_TOKEN', '  5  '])
      expect(stdout).toContain(word);
  });
});

test('every shell at hand reads the program', async () => {
  const shells = [['/bin/sh'], ['dash'], ['bash', '--posix'], ['busybox', 'sh']];
  const read = await Promise.all(
    shells.map(async ([shell = '', ...args]) => {
      try {
        await promisify(execFile)(shell, [...args, '-n', program]);
        return 'read';
      } catch (error) {
        return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'no such shell' : error;
      }
    }),
  );
  expect(read.filter((result) => result !== 'no such shell')).toEqual(
    read.filter((result) => result === 'read'),
  );
  expect(read[0]).toBe('read');
});
