/** Shell completion: what a shell asks for at each key, and the script that asks. */

import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../../infra/local/temporary-folder.ts';
import { runHitless } from './run-hitless.ts';

const PROGRAM = fileURLToPath(new URL('../../lib/cli/hitless.ts', import.meta.url));

/** The first words of what may come next. */
async function next(...words: string[]): Promise<string[]> {
  const { stdout, code } = await runHitless(['complete', '--', ...words]);
  expect(code).toBe(0);
  return stdout.split('\n').flatMap((line) => (/^[:]|^$/.test(line) ? [] : [line.split('\t')[0] ?? '']));
}

test('every command of the help is completed, and the options of one', async () => {
  const { stdout } = await runHitless(['--help']);
  const commands = [...stdout.matchAll(/^ {2}([a-z][a-z-]+)(?: (?:\[|<)| {2,}\S)/gm)].map(([, name]) => name);
  expect(commands).toEqual(expect.arrayContaining(['check', 'sync', 'run', 'init', 'completion']));
  expect(await next('')).toEqual(expect.arrayContaining(commands.filter((name) => name !== 'help')));
  expect(await next('st')).toEqual(['status']);
  expect(await next('status', '--p')).toEqual(['--prometheus']);
});

test('the script for bash completes by asking the program that PATH has', async () => {
  const folder = temporaryFolder('completion');
  onTestFinished(() => folder.remove());
  const program = join(folder.path, 'hitless');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`);
  chmodSync(program, 0o755);
  const { stdout: script } = await runHitless(['completion', 'bash']);
  const asked = `
    _get_comp_words_by_ref() { cur=con; prev=hitless; words=(hitless con); cword=1; }
    ${script}
    COMP_WORDS=(hitless con) COMP_CWORD=1
    __hitless_complete 2>/dev/null
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const env = { ...process.env, PATH: `${folder.path}:${process.env.PATH}` };
  const completed = execFileSync('bash', ['-c', asked], { env, encoding: 'utf8' });
  expect(completed.trim()).toBe('consul-config');
});

test.each(['bash', 'zsh', 'fish'])('there is a script for %s', async (shell) => {
  const { stdout, stderr, code } = await runHitless(['completion', shell]);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toContain('hitless complete --');
});

test('a shell that is not known is refused with those that are', async () => {
  const { stderr, code } = await runHitless(['completion', 'csh']);
  expect([code, stderr]).toEqual([1, expect.stringContaining('zsh, bash, fish')]);
});
