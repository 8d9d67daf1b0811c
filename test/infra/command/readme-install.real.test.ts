/**
 * The README's ways to install, followed word by word: in a copy of the checkout, with this machine's own Node.js, and with
 * folders for /usr/local, for npm and for the machine `lb1`, so that nothing of this machine is changed.
 */

import { execFile, execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { consulPath } from '../../../infra/local/servers.ts';
import { type TemporaryFolder, temporaryFolder } from '../../../infra/local/temporary-folder.ts';
import about from '../../../package.json' with { type: 'json' };

const top = resolve(import.meta.dirname, '../../..');
const textOf = (path: string) => readFileSync(join(top, path), 'utf8');
const [, chapter = ''] = textOf('README.md').split(/^## Install\n/m);
const [install = ''] = chapter.split(/^## /m);
const ways = [...install.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, commands = '']) => commands);
const hasDpkg = readdirSync('/usr/bin').includes('dpkg-deb');

/** `scp` and `ssh` to a machine that is a folder; its apt-get unpacks, which takes no root. */
const STAND_INS = {
  scp: `at=\${2#root@}
to=$MACHINES/\${at%%:*}\${at#*:}
mkdir -p "\${to%/*}"
exec cp "$1" "$to"`,
  ssh: `machine=$MACHINES/\${1#root@}
shift
exec env "PATH=$machine/usr/local/bin:$machine/usr/sbin:$STAND_INS/remote:$OWN_PATH" "MACHINE=$machine" "$@"`,
  'remote/apt-get': `[ "$1 $2" = "install -y" ] && exec dpkg-deb --extract "$MACHINE/$3" "$MACHINE"`,
};

let folder: TemporaryFolder;
let checkout: string;

beforeAll(() => {
  folder = temporaryFolder('install');
  checkout = join(folder.path, 'checkout');
  const left = new Set(['node_modules', '.git', 'dist', '.hitless', '.serverless', '.esbuild', 'test']);
  mkdirSync(checkout);
  for (const name of readdirSync(top)) {
    if (!left.has(name)) cpSync(join(top, name), join(checkout, name), { recursive: true });
  }
  symlinkSync(join(top, 'node_modules'), join(checkout, 'node_modules'));
  mkdirSync(join(folder.path, 'stand-ins/remote'), { recursive: true });
  for (const [name, commands] of Object.entries(STAND_INS)) {
    writeFileSync(join(folder.path, 'stand-ins', name), `#!/bin/sh\n${commands}\n`);
    chmodSync(join(folder.path, 'stand-ins', name), 0o755);
  }
});
afterAll(() => folder.remove());

/** Each way begins on a machine that has nothing of Hitless, and ends at the first command that fails. */
async function follow(commands: string, name: string): Promise<string> {
  const machine = join(folder.path, name);
  rmSync(join(checkout, 'dist'), { recursive: true, force: true });
  const local = join(machine, 'usr/local');
  mkdirSync(join(machine, 'etc/bash_completion.d'), { recursive: true });
  mkdirSync(join(local, 'lib'), { recursive: true });
  // What npx puts before it, this project's own Node.js among it, a user's shell does not have.
  const ownPath = (process.env.PATH ?? '')
    .split(':')
    .filter((path) => !path.includes('node_modules') && !path.includes('node-gyp-bin'))
    .join(':');
  const { stdout } = await promisify(execFile)(
    'sh',
    ['-euc', commands.replaceAll(/(?<![\w:])\/(usr\/local|etc)\b/g, `${machine}/$1`)],
    {
      cwd: checkout,
      env: {
        HOME: machine,
        OWN_PATH: ownPath,
        PATH: `${local}/bin:${join(folder.path, 'stand-ins')}:${ownPath}`,
        STAND_INS: join(folder.path, 'stand-ins'),
        MACHINES: machine,
        npm_config_prefix: local,
        npm_config_cache: join(folder.path, 'npm-cache'),
        npm_config_offline: 'true',
        npm_config_update_notifier: 'false',
      },
    },
  );
  return stdout;
}

const commands = ways.filter((way) => way.includes('--version'));

test('the README shows five ways to have the command, and one to have hitless-pull', () => {
  expect([commands.length, ways.length]).toEqual([5, 6]);
});

test.each(commands)('the command is there after\n%s', async (way) => {
  const output = await follow(way, `way-${commands.indexOf(way)}`);
  expect(output.trimEnd().split('\n').at(-1)).toBe(about.version);
});

test.skipIf(!hasDpkg)(
  `hitless-pull is there after its way${hasDpkg ? '' : ' (skipped: no dpkg-deb)'}`,
  async () => {
    const way = ways.find((text) => text.includes('package:deb')) ?? '';
    const output = await follow(`${way}ssh root@lb1 hitless-pull --help\n`, 'pull');
    expect(output).toContain('Usage: hitless-pull');
  },
);

test('the script for completion is written as the README says', async () => {
  const [, line = ''] = /`(hitless completion bash > [^`]+)`/.exec(install) ?? [];
  const program = join(folder.path, 'completion/usr/local/bin/hitless');
  mkdirSync(join(program, '..'), { recursive: true });
  await follow(`npm run -s build -- ${program}\n${line}\n`, 'completion');
  const script = readFileSync(join(folder.path, 'completion/etc/bash_completion.d/hitless'), 'utf8');
  expect(script).toMatch(/^complete .*\bhitless$/m);
});

test('the table of versions is what the checkout says and what the tests run on', async () => {
  const rows = new Map(
    [...install.matchAll(/^\| ([A-Z][\w.]+)[^|]*\| ([\d.]+) or newer \| ([\d., ]+) \|$/gm)].map(
      ([, name = '', least = '', tested = '']) => [name, { least, tested: tested.split(', ') }],
    ),
  );
  expect([...rows.keys()]).toEqual(['Node.js', 'HAProxy', 'Consul', 'Debian']);
  expect(about.engines.node).toBe(`>=${rows.get('Node.js')?.least}`);
  expect(rows.get('Node.js')?.tested).toContain(about.devDependencies.node.split('.')[0]);
  const [, versions = ''] = /for version in ([\d. ]+);/.exec(textOf('infra/local/setup.sh')) ?? [];
  expect(rows.get('HAProxy')).toEqual({ least: '2.2', tested: versions.split(' ') });
  const consul = execFileSync(await consulPath(), ['version'], { encoding: 'utf8' });
  if (!process.env.HITLESS_CONSUL)
    expect(consul).toMatch(new RegExp(`^Consul v${rows.get('Consul')?.tested[0]}\\.`));
});
