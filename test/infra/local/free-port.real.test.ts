import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { freePorts } from '../../../infra/local/free-port.ts';

test('two hundred ports are all different, and below those of outgoing connections', async () => {
  const ports = await freePorts(200);
  expect(new Set(ports).size).toBe(200);
  const firstOutgoing = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s/)[0]);
  expect(Math.max(...ports)).toBeLessThan(firstOutgoing);
});

test('a port that one process holds is given to no other', async () => {
  const module = fileURLToPath(new URL('../../../infra/local/free-port.ts', import.meta.url));
  // The other process draws its numbers in the same order, and so wants the very same ports.
  const program = `
    let seed = 1; Math.random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
    const { freePorts } = await import(${JSON.stringify(module)});
    console.log(JSON.stringify(await freePorts(20)));
    if (process.argv[1] === 'stay') { setInterval(() => {}, 1000); process.stdout.write('.'); }
  `;
  const run = (how: string) =>
    promisify(execFile)(process.execPath, ['--input-type=module', '-e', program, how]);
  const holder = run('stay');
  const held = await new Promise<string>((resolve) => holder.child.stdout?.once('data', resolve));
  try {
    const { stdout } = await run('go');
    const both: number[] = [...JSON.parse(String(held).split('\n')[0] ?? ''), ...JSON.parse(stdout)];
    expect(new Set(both).size).toBe(40);
  } finally {
    holder.child.kill('SIGKILL');
    await holder.catch(() => undefined);
  }
});
