import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../../infra/local/until.ts';
import { type Program, runProgram } from './program.ts';

let program: Program;
afterEach(() => program?.remove());

describe('npm run demo', () => {
  test('observes everything that it says, without a terminal, and leaves nothing behind', async () => {
    program = runProgram('demo.ts');
    const code = await program.ended;
    const output = program.output();
    expect(output).toMatch(/^All \d+ claims were observed, in \d+ s\.$/m);
    expect(code).toBe(0);
    const steps = [
      '0 → 3',
      '3 → 10',
      '10 → 4',
      'web server killed',
      'HAProxy killed',
      'HAProxy restarted',
      'service emptied',
      'service back',
    ];
    const rows = output.split('\n').filter((line) => line.startsWith('│ '));
    expect(rows.map((row) => row.split('│')[1]?.trim())).toEqual(['step', ...steps]);
    for (const row of rows.slice(1)) expect(row).toMatch(/│ +0 │ 0 of \d+ │ equal │ equal │$/);
    expect(output).not.toContain('\u001b');
    expect(program.leftovers()).toEqual([]);
  }, 170_000);

  test('a part that does not start is named, and the exit code is not 0', async () => {
    program = runProgram('demo.ts', () => [], { HITLESS_CONSUL: '/does/not/exist/consul' });
    expect(await program.ended).toBe(1);
    expect(program.output()).toContain('Consul did not start: consul is not there');
    expect(program.leftovers()).toEqual([]);
  });

  test('Ctrl-C in the middle leaves nothing behind', async () => {
    program = runProgram('demo.ts');
    await until(() => program.output().includes('3 → 10'), { what: 'the second step', within: 50_000 });
    program.signal('SIGINT');
    expect(await program.ended).toBe(130);
    expect(program.leftovers()).toEqual([]);
  });
});
