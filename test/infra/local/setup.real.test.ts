import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { temporaryFolder } from '../../../infra/local/temporary-folder.ts';

const local = fileURLToPath(new URL('../../../infra/local/', import.meta.url));
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

function folder(): string {
  const { path, remove } = temporaryFolder('setup');
  cleanups.push(remove);
  return path;
}

interface Ended {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script with an environment of nothing but `environment`, as /bin/sh runs it. */
async function sh(
  script: string,
  args: readonly string[],
  environment: Record<string, string>,
): Promise<Ended> {
  try {
    const done = await promisify(execFile)('/bin/sh', [join(local, script), ...args], { env: environment });
    return { code: 0, ...done };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && 'stdout' in error && 'stderr' in error)) throw error;
    return { code: error.code, stdout: String(error.stdout), stderr: String(error.stderr) };
  }
}

const here = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '' };

/** Its environment, but with an npm that refuses: a test must never reinstall the packages it runs from. */
function thisMachine(): Record<string, string> {
  const path = folder();
  writeFileSync(join(path, 'npm'), '#!/bin/sh\nexit 9\n', { mode: 0o755 });
  return { PATH: `${path}:${here.PATH}`, HOME: here.HOME };
}

/** A PATH with a few programs only: no apt-get, so not a Debian to setup.sh. */
function bareSystem(...more: string[]): string {
  const path = folder();
  for (const program of [
    'sh',
    'sed',
    'grep',
    'dirname',
    'id',
    'env',
    'cat',
    'rm',
    'mkdir',
    'flock',
    ...more,
  ]) {
    const found = here.PATH.split(':').map((from) => join(from, program));
    symlinkSync(firstExisting(found), join(path, program));
  }
  symlinkSync(process.execPath, join(path, 'node'));
  symlinkSync('/bin/true', join(path, 'npm'));
  return path;
}

function firstExisting(paths: readonly string[]): string {
  const found = paths.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`none of ${paths.join(', ')} is there`);
  return found;
}

test.each([
  { what: 'the packages', args: ['--packages'] },
  { what: 'what the tests need', args: ['--tests'] },
  { what: 'what the demo needs', args: [] },
])('there is nothing to do for $what when all is there', async ({ args }) => {
  for (const _ of ['first', 'second']) {
    expect(await sh('setup.sh', args, thisMachine())).toEqual({
      code: 0,
      stdout: '',
      stderr: 'setup: nothing to do\n',
    });
  }
});

test('all versions are printed as the tests want them named, and nothing else on standard output', async () => {
  const named = '/bin/true:/bin/echo';
  expect(await sh('setup.sh', ['--versions'], { ...thisMachine(), HITLESS_HAPROXY: named })).toEqual({
    code: 0,
    stdout: `${named}\n`,
    stderr: 'setup: nothing to do\n',
  });
});

test('versions that cannot be fetched are named, each with what to do', async () => {
  const path = bareSystem();
  writeFileSync(join(path, 'haproxy'), '#!/bin/sh\necho HAProxy version 2.4.1\n', { mode: 0o755 });
  const ended = await sh('setup.sh', ['--versions'], { PATH: path, HOME: folder() });
  expect(ended).toMatchObject({ code: 1, stdout: '' });
  for (const version of ['2.2', '2.6', '3.0 or newer', '3.2']) {
    expect(ended.stderr).toContain(
      `install HAProxy ${version} and name it beside the others: HITLESS_HAPROXY=`,
    );
  }
});

test('the packages need no home folder', async () => {
  const { PATH = '' } = thisMachine();
  expect((await sh('setup.sh', ['--packages'], { PATH })).stderr).toBe('setup: nothing to do\n');
});

test('another system is told in one message what to install, and nothing is tried', async () => {
  const home = folder();
  const ended = await sh('setup.sh', ['--tests'], { PATH: bareSystem(), HOME: home });
  expect(ended.code).toBe(1);
  expect(ended.stderr).toContain('install Consul 1.8 or newer and put it on PATH');
  expect(ended.stderr).toContain('install curl 7.75 or newer');
  expect(ended.stderr).toContain('install openssl');
  expect(ended.stderr).not.toMatch(/installing|fetching|not found/);
  expect(readdirSync(home)).toEqual([]);
});

test('without root and sudo it says so', async () => {
  const path = bareSystem();
  writeFileSync(join(path, 'apt-get'), '#!/bin/sh\necho apt-get was run >&2\n', { mode: 0o755 });
  rmSync(join(path, 'id'));
  writeFileSync(join(path, 'id'), '#!/bin/sh\necho 1000\n', { mode: 0o755 });
  const ended = await sh('setup.sh', [], { PATH: path, HOME: folder() });
  expect(ended.code).toBe(1);
  expect(ended.stderr).toContain(
    'install curl 7.75 or newer (setup needs root or a sudo that asks for no password',
  );
  expect(ended.stderr).not.toContain('apt-get was run');
});

test('a Consul on PATH is preferred to a fetched one', async () => {
  const path = bareSystem('curl');
  symlinkSync('/bin/true', join(path, 'consul'));
  symlinkSync('/bin/true', join(path, 'haproxy'));
  const ended = await sh('setup.sh', [], { PATH: path, HOME: folder() });
  expect(ended).toEqual({ code: 0, stdout: '', stderr: 'setup: nothing to do\n' });
});

test('a HAProxy or Consul that was named and is not there is the error, not a reason to fetch one', async () => {
  const ended = await sh('setup.sh', ['--tests'], {
    ...thisMachine(),
    HITLESS_HAPROXY: '/nowhere/haproxy:/nowhere/other',
    HITLESS_CONSUL: '/nowhere/consul',
  });
  expect(ended.code).toBe(1);
  expect(ended.stderr).toContain('HITLESS_HAPROXY names /nowhere/haproxy, which is not there');
  expect(ended.stderr).toContain('HITLESS_CONSUL names /nowhere/consul, which is not there');
});

test('an unknown argument is answered with the usage', async () => {
  const ended = await sh('setup.sh', ['--everything'], here);
  expect(ended.code).toBe(64);
  expect(ended.stderr).toContain('setup.sh --packages');
});

const deb822 = `# comment
Types: deb deb-src
# http://elsewhere.example/debian
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://disabled.example/debian
Suites: bookworm
Components: main

Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;

const oneLine = `# deb http://comment.example/debian bookworm main
deb-src http://source.example/debian bookworm main
deb http://mirror.example/debian-security bookworm-security main
deb [ arch=amd64 signed-by=/k.gpg ] http://mirror.example/debian bookworm main contrib
deb http://second.example/debian bookworm main
`;

test.each([
  {
    what: 'a deb822 file',
    file: 'sources.list.d/debian.sources',
    content: deb822,
    prints: [
      '# sources',
      'Types: deb',
      'URIs: http://mirror.example/debian',
      'Suites: trixie',
      'Components: main',
      'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg',
    ],
  },
  {
    what: 'the classic file',
    file: 'sources.list',
    content: oneLine,
    prints: ['# list', 'deb [ arch=amd64 signed-by=/k.gpg ] http://mirror.example/debian trixie main'],
  },
  {
    what: 'a one-line file beside it',
    file: 'sources.list.d/own.list',
    content: 'deb\thttp://mirror.example/debian\tbookworm\tmain\n',
    prints: ['# list', 'deb http://mirror.example/debian trixie main'],
  },
])("another suite comes from where the machine's own does: $what", async ({ file, content, prints }) => {
  const apt = folder();
  mkdirSync(join(apt, 'sources.list.d'));
  writeFileSync(join(apt, file), content);
  const ended = await sh('debian-source.sh', ['trixie', apt, 'bookworm'], here);
  expect(ended).toEqual({ code: 0, stdout: `${prints.join('\n')}\n`, stderr: '' });
});

test('a machine without sources of its own suite has no other suite either', async () => {
  expect(await sh('debian-source.sh', ['trixie', folder(), 'bookworm'], here)).toMatchObject({
    code: 1,
    stdout: '',
  });
});
