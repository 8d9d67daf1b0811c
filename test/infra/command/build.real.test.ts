/** The one file that people install: what it is made of, and how it behaves wherever it is put. */

import { execFile } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { buildCommand } from '../../../infra/command/build.ts';
import { type TemporaryFolder, temporaryFolder } from '../../../infra/local/temporary-folder.ts';
import about from '../../../package.json' with { type: 'json' };

const top = join(import.meta.dirname, '../../..');
const IS_ROOT = process.getuid?.() === 0;
const NOBODY = 65_534;

let built: TemporaryFolder;
let file: string;

beforeAll(async () => {
  built = temporaryFolder('build');
  file = join(built.path, 'hitless.cjs');
  await buildCommand(file);
});

afterAll(() => built.remove());

interface Options {
  readonly program?: string;
  readonly node?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

async function hitless(words: string, { program = file, node = [], environment = {} }: Options = {}) {
  const args = [...node, program, ...words.split(' ')];
  try {
    const done = await promisify(execFile)(process.execPath, args, { env: environment, cwd: '/' });
    return { code: 0, ...done };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && 'stdout' in error && 'stderr' in error)) throw error;
    return { code: error.code, stdout: String(error.stdout), stderr: String(error.stderr) };
  }
}

const VERSION = { code: 0, stdout: `${about.version}\n`, stderr: '' };

function home(): { readonly path: string; readonly environment: { readonly HOME: string } } {
  const folder = temporaryFolder('home');
  onTestFinished(() => folder.remove());
  return { path: folder.path, environment: { HOME: folder.path } };
}

test('two builds in two folders are equal, byte by byte', async () => {
  const other = temporaryFolder('other-checkout');
  onTestFinished(() => other.remove());
  for (const part of ['lib', 'infra/command', 'package.json']) {
    cpSync(join(top, part), join(other.path, part), { recursive: true });
  }
  symlinkSync(join(top, 'node_modules'), join(other.path, 'node_modules'));
  const build = join(other.path, 'infra/command/build.ts');
  await promisify(execFile)(process.execPath, [build, 'some/where.cjs'], { cwd: other.path });
  expect(readFileSync(join(other.path, 'some/where.cjs')).equals(readFileSync(file))).toBe(true);
});

test('it needs nothing but Node.js', () => {
  const required = [...readFileSync(file, 'utf8').matchAll(/\brequire\("([^"]+)"\)(?!;\])/g)].map(
    ([, name = '']) => name,
  );
  const own = new Set([...builtinModules, ...builtinModules.map((name) => `node:${name}`)]);
  // nunjucks asks for it when it is to watch its templates, which it is not.
  expect([...new Set(required)].filter((name) => !own.has(name))).toEqual(['chokidar']);
  expect(required.length).toBeGreaterThan(20);
});

test('it is one program under any name and in any folder', async () => {
  const { path } = home();
  mkdirSync(join(path, 'bin'));
  renameSync(await copy(path), join(path, 'bin/hitless'));
  writeFileSync(join(path, 'package.json'), '{"type": "commonjs"}');
  expect(await hitless('--version', { program: join(path, 'bin/hitless') })).toEqual(VERSION);
  symlinkSync(join(path, 'bin/hitless'), join(path, 'link'));
  expect(await hitless('--version', { program: join(path, 'link') })).toEqual(VERSION);
});

test('an older Node.js is told in one sentence', async () => {
  const { path } = home();
  const older = join(path, 'older.cjs');
  writeFileSync(older, "Object.defineProperty(process.versions, 'node', { value: '18.19.0' });");
  const { code, stdout, stderr } = await hitless('--version', { node: ['--require', older] });
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toBe(`hitless: this needs Node.js 20 or newer, and ${process.execPath} is 18.19.0\n`);
});

test('an error names its place in the file', async () => {
  const { stderr } = await hitless('plan --config /nowhere.yml', { environment: { HITLESS_DEBUG: '1' } });
  const [, line = ''] = /^\s+at textOf \(.*hitless\.cjs:(\d+):\d+\)$/m.exec(stderr) ?? [];
  expect(readFileSync(file, 'utf8').split('\n')[Number(line) - 1]).toContain('new ConfigInvalid(');
});

describe('the code that V8 made of it', () => {
  const codeOf = (path: string) =>
    readdirSync(join(path, '.cache/hitless')).filter((name) => /^code-/.test(name));
  const fileOf = (path: string) => join(path, '.cache/hitless', codeOf(path)[0] ?? '');

  test('is kept in the cache folder, for its owner alone, and used from then on', async () => {
    const { path, environment } = home();
    expect(await hitless('--version', { environment })).toEqual(VERSION);
    expect(codeOf(path)).toHaveLength(1);
    expect(statSync(fileOf(path)).mode & 0o777).toBe(0o600);
    const before = statSync(fileOf(path)).ino;
    expect(await hitless('--version', { environment })).toEqual(VERSION);
    expect(statSync(fileOf(path)).ino).toBe(before);
  });

  const unusable: readonly { readonly what: string; readonly spoil: (path: string) => void }[] = [
    { what: 'is empty', spoil: (path) => writeFileSync(path, '') },
    { what: 'ends too early', spoil: (path) => writeFileSync(path, readFileSync(path).subarray(0, 100_000)) },
    { what: 'has a byte too many', spoil: (path) => appendFileSync(path, 'x') },
    {
      what: 'has another byte',
      spoil: (path) => {
        const bytes = readFileSync(path);
        bytes.writeUInt8((bytes.readUInt8(50_000) + 1) % 256, 50_000);
        writeFileSync(path, bytes);
      },
    },
    { what: 'may be written by others', spoil: (path) => chmodSync(path, 0o666) },
  ];
  test.each(unusable)('is made anew when the file $what', async ({ spoil }) => {
    const { path, environment } = home();
    await hitless('--version', { environment });
    spoil(fileOf(path));
    const before = statSync(fileOf(path)).ino;
    expect(await hitless('--version', { environment })).toEqual(VERSION);
    expect(statSync(fileOf(path)).ino).not.toBe(before);
  });

  test.runIf(IS_ROOT)('of another user is never used, nor kept in a folder of another user', async () => {
    const { path, environment } = home();
    await hitless('--version', { environment });
    chownSync(fileOf(path), NOBODY, NOBODY);
    const before = statSync(fileOf(path)).ino;
    await hitless('--version', { environment });
    expect(statSync(fileOf(path))).toMatchObject({ uid: 0 });
    expect(statSync(fileOf(path)).ino).not.toBe(before);

    const other = home();
    chownSync(other.path, NOBODY, NOBODY);
    mkdirSync(join(other.path, '.cache/hitless'), { recursive: true });
    chownSync(join(other.path, '.cache/hitless'), NOBODY, NOBODY);
    expect(await hitless('--version', { environment: other.environment })).toEqual(VERSION);
    expect(codeOf(other.path)).toEqual([]);
  });

  test('of another version goes, and what else is in the folder stays', async () => {
    const { path, environment } = home();
    mkdirSync(join(path, '.cache/hitless'), { recursive: true, mode: 0o700 });
    writeFileSync(join(path, '.cache/hitless/code-0123456789abcdef-v20.0.0-x64-sync'), 'old');
    writeFileSync(join(path, '.cache/hitless/setup.lock'), '');
    await hitless('--version', { environment });
    expect(codeOf(path)).toHaveLength(1);
    expect(codeOf(path)[0]).not.toContain('0123456789abcdef');
    expect(readdirSync(join(path, '.cache/hitless'))).toContain('setup.lock');
  });

  test.each([
    '/dev/null',
    '/proc',
    '/nowhere/at/all',
  ])('is not needed: a home like %s does no harm', async (HOME) => {
    expect(await hitless('--version', { environment: { HOME } })).toEqual(VERSION);
  });

  test('is not kept when a person wants none, and not of a command that failed', async () => {
    const { path, environment } = home();
    await hitless('--version', { environment: { ...environment, NODE_DISABLE_COMPILE_CACHE: '1' } });
    await hitless('snyc', { environment });
    expect(readdirSync(path)).toEqual([]);
  });
});

async function copy(folder: string): Promise<string> {
  const to = join(folder, 'copy.cjs');
  cpSync(file, to);
  return to;
}
