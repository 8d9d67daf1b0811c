/** Who may import whom (README, "Where things are"). */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

const top = resolve(import.meta.dirname, '..');

interface Import {
  readonly file: string;
  readonly folder: string;
  /** The folder below the top that is imported from (`lib/model`), or a package or `node:` module. */
  readonly from: string;
}

/** `lib/model`, `functions`, `infra/local`, …: the units that the rules speak of. */
function folderOf(path: string): string {
  const [first = '', second = ''] = relative(top, path).split('/');
  return first === 'functions' || first === 'test' ? first : `${first}/${second}`;
}

function importsBelow(folder: string): Import[] {
  return readdirSync(join(top, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => {
      const path = join(top, folder, name);
      const specifiers = readFileSync(path, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g);
      return [...specifiers].map(([, specifier = '']) => ({
        file: relative(top, path),
        folder: folderOf(path),
        from: specifier.startsWith('.') ? folderOf(resolve(dirname(path), specifier)) : specifier,
      }));
    });
}

const imports = [...importsBelow('lib'), ...importsBelow('functions'), ...importsBelow('infra')];

/** What each folder may import of our own; packages and `node:` apart. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  'lib/model': [],
  'lib/slots': ['lib/model'],
  'lib/plan': ['lib/model'],
  'lib/files': ['lib/model'],
  'lib/config': ['lib/model', 'lib/files'],
  'lib/consul': ['lib/model', 'lib/files'],
  'lib/aws': [],
  'lib/store': ['lib/model', 'lib/files', 'lib/aws'],
  'lib/queue': ['lib/model', 'lib/aws'],
  'lib/render': ['lib/model'],
  'lib/runtime-api': ['lib/model', 'lib/files'],
  'lib/follow': ['lib/model', 'lib/slots', 'lib/consul', 'lib/sync'],
};

const PURE = ['lib/model', 'lib/slots', 'lib/plan'];
const ON_TOP = ['functions', 'lib/cli', 'infra/local'];

test('there is something to look at', () => {
  expect(imports.length).toBeGreaterThan(100);
});

test.each(Object.entries(MAY_IMPORT))('%s imports of our own only %j', (folder, allowed) => {
  const wrong = imports.filter(
    (one) =>
      one.folder === folder &&
      /^(lib|functions|infra)\b/.test(one.from) &&
      one.from !== folder &&
      !allowed.includes(one.from),
  );
  expect(wrong).toEqual([]);
});

test.each(PURE)('%s imports no package and no node: module', (folder) => {
  const wrong = imports.filter((one) => one.folder === folder && !one.from.startsWith('lib/'));
  expect(wrong).toEqual([]);
});

test.each(ON_TOP)('nobody imports %s', (folder) => {
  const wrong = imports.filter((one) => one.from === folder && one.folder !== folder);
  expect(wrong).toEqual([]);
});

test('only the wiring of the functions and of the command line reads the environment', () => {
  const readers = [
    ...new Set([...importsBelow('lib'), ...importsBelow('functions')].map((one) => one.file)),
  ].filter((file) => /process\.env/.test(readFileSync(join(top, file), 'utf8')));
  expect(readers.filter((file) => !/\/wiring\.ts$/.test(file))).toEqual([]);
});

test('no folder is called utils, common or helpers', () => {
  const names = ['lib', 'functions', 'infra', 'test'].flatMap((folder) =>
    readdirSync(join(top, folder), { recursive: true, encoding: 'utf8' }),
  );
  expect(names.filter((name) => /(^|\/)(utils?|common|helpers?)(\.ts|\/|$)/.test(name))).toEqual([]);
});
