/** What the command line says before it does anything: help, versions, mistakes. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../../infra/local/temporary-folder.ts';
import about from '../../package.json' with { type: 'json' };
import { createBench } from './bench.ts';
import { runHitless } from './run-hitless.ts';

const COMMANDS = ['check', 'plan', 'sync', 'status', 'render'];
const NOWHERE = 'http://127.0.0.1:1';

test('--version prints the version of the package', async () => {
  expect(await runHitless(['--version'])).toEqual({ code: 0, stdout: `${about.version}\n`, stderr: '' });
});

test('--help lists every command, with examples', async () => {
  const { code, stdout } = await runHitless(['--help']);
  expect(code).toBe(0);
  for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
  expect(stdout).toContain('$ hitless plan');
  expect(stdout).toContain('HITLESS_CONSUL_TOKEN');
});

test.each(COMMANDS)('%s --help tells its options, its exit codes and examples', async (command) => {
  const { code, stdout, stderr } = await runHitless([command, '--help']);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toContain(`Usage: hitless ${command} `);
  for (const part of [
    '--config <file>',
    '--fleet <name>',
    '--json',
    'Exit codes:',
    'Examples:',
    ` hitless ${command}`,
  ])
    expect(stdout).toContain(part);
});

describe('a mistake is one message with a hint, on standard error, and exit code 1', () => {
  const mistakes = [
    { what: 'no command', args: [], says: /^Usage: hitless/ },
    {
      what: 'an unknown command',
      args: ['snyc'],
      says: /unknown command 'snyc'\n.*sync.*\n.*hitless --help/,
    },
    {
      what: 'an unknown option',
      args: ['plan', '--jsno'],
      says: /unknown option '--jsno'\n.*--json.*\n.*hitless plan --help/,
    },
    {
      what: 'an argument too many',
      args: ['plan', 'edge'],
      says: /too many arguments.*\n.*hitless plan --help/,
    },
    { what: 'an option without its value', args: ['plan', '--config'], says: /argument missing/ },
    {
      what: 'a configuration file that is not there',
      args: ['plan', '--config', 'nowhere.yml'],
      says: /^hitless: nowhere\.yml: there is no such file \(name another one with --config\)\n$/,
    },
  ];
  test.each(mistakes)('$what', async ({ args, says }) => {
    const { code, stdout, stderr } = await runHitless(args);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

test('everything that is wrong with the configuration file is told at once', async () => {
  const folder = temporaryFolder('cli');
  onTestFinished(() => folder.remove());
  const lines = [
    'store: file:store',
    'fleets:',
    '  edge:',
    '    instances: { lb1: nowhere }',
    '    backends:',
  ];
  writeFileSync(join(folder.path, 'hitless.yml'), [...lines, '      be: { servce: web }', ''].join('\n'));
  const { code, stdout, stderr } = await runHitless(['check'], { folder: folder.path });
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain('hitless.yml:4 fleets.edge.instances.lb1: ');
  expect(stderr).toContain('did you mean service?');
});

test('the configuration file is the one of --config, else of HITLESS_CONFIG, else hitless.yml', async () => {
  const { folder, hitless } = createBench({ consul: NOWHERE, instances: { lb1: 'unix:///nowhere.sock' } });
  expect((await hitless('status')).code).toBe(0);
  const named = { environment: { HITLESS_CONFIG: join(folder, 'hitless.yml') } };
  expect((await runHitless(['status'], named)).code).toBe(0);
  const overruled = await runHitless(['status', '--config', 'nowhere.yml'], named);
  expect(overruled.stderr).toContain('nowhere.yml: there is no such file');
});

test('options may stand before the command', async () => {
  const { hitless } = createBench({ consul: NOWHERE, instances: { lb1: 'unix:///nowhere.sock' } });
  const { code, stdout } = await hitless('--json --fleet edge status');
  expect([code, Object.keys(JSON.parse(stdout).fleets)]).toEqual([0, ['edge']]);
});

test('a fleet that is not configured is refused, with the one that was meant', async () => {
  const { hitless } = createBench({ consul: NOWHERE, instances: { lb1: 'unix:///nowhere.sock' } });
  const { code, stderr } = await hitless('plan --fleet egde');
  expect([code, stderr]).toEqual([1, 'hitless: hitless.yml has no fleet "egde", did you mean edge?\n']);
});

test('HITLESS_DEBUG=1 shows where an error happened', async () => {
  const { stderr } = await runHitless(['plan', '--config', 'nowhere.yml'], {
    environment: { HITLESS_DEBUG: '1' },
  });
  expect(stderr).toMatch(/^\s+at /m);
});
