/** What RUNBOOK.md and README.md tell people to type and to look for is there. */

import { execFile } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../../..');
const textOf = (path: string) => readFileSync(join(root, path), 'utf8');
const documents = ['infra/aws/RUNBOOK.md', 'infra/aws/README.md'].map((path) => ({
  path,
  text: textOf(path),
}));
const hitless = (...args: string[]) =>
  promisify(execFile)(process.execPath, [join(root, 'lib/cli/hitless.ts'), ...args]);

/** Commands as they stand in code, up to the end of the line or of the code. */
function commandsIn(text: string, program: RegExp): string[] {
  return [...text.matchAll(/`([^`\n]+)`|^(?! *#)(.+)$/gm)].flatMap(([, inline, line]) => {
    const code = inline ?? (line?.startsWith('npm') === true ? line : '');
    return program.exec(code)?.[1] ?? [];
  });
}

describe.each(documents)('$path', ({ text }) => {
  test('every command of hitless is one, with options that it has', async () => {
    const commands = commandsIn(text, /^(?:npm run -s )?hitless (?:-- )?([a-z].*)$/);
    expect(commands.length).toBeGreaterThan(0);
    for (const command of commands) {
      const [name = '', ...rest] = command.replace(/ *#.*/, '').split(/ +/);
      const { stdout } = await hitless(name, '--help');
      for (const option of rest.filter((word) => word.startsWith('--')))
        expect(stdout, command).toContain(option);
    }
  });

  test('every script of npm is one', () => {
    const scripts: object = JSON.parse(textOf('package.json')).scripts;
    const named = commandsIn(text, /^npm run (?:-s )?([a-z:]+)/);
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  });

  test('every file in this repository is there', () => {
    const named = [...text.matchAll(/`((?:hosts|infra|\.\.)\/[\w./-]+)`/g)].map(([, path = '']) => path);
    const missing = named.filter(
      (path) => !existsSync(join(root, path)) && !existsSync(join(root, 'infra/aws', path)),
    );
    expect(missing).toEqual([]);
  });
});

test('every word that RUNBOOK.md has people search the logs for is written by us', () => {
  const written = globSync('{functions,lib}/**/*.ts', { cwd: root }).map(textOf).join('\n');
  const searched = [
    ...textOf('infra/aws/RUNBOOK.md').matchAll(/log \w+ \| grep (?:-E )?'?"?([\w|. ]+)/g),
  ].flatMap(([, words = '']) => words.split('|'));
  expect(searched.length).toBeGreaterThan(8);
  // These two are Lambda's own.
  const ours = searched.filter((word) => !['Task timed out', 'ERROR'].includes(word));
  expect(ours.filter((word) => !written.includes(word))).toEqual([]);
});
