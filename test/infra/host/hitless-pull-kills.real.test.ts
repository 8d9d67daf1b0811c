import { spawn } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../../infra/local/until.ts';
import { configuration, type PullingHost, program, publish, published, pullingHost } from './pulling-host.ts';

let host: PullingHost;
beforeEach(async () => {
  host = await pullingHost();
});
afterEach(() => host.remove());

const on = (text: string) => `hitless-pull: ${text}\n`;

describe('a kill', () => {
  /** Kills the whole run, children too, as soon as `command` was reached, then runs once more. */
  async function killedAt(setting: 'HITLESS_HAPROXY' | 'HITLESS_RELOAD', reached: string, command: string) {
    const child = spawn('/bin/sh', [program], {
      env: { ...host.environment, [setting]: command },
      stdio: 'ignore',
      detached: true,
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await until(() => host.read(reached), { what: 'the moment to kill', every: 5 });
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    await ended;
    return host.pull();
  }

  test('while HAProxy checks the file leaves the old one, and the next run installs the new', async () => {
    await publish(host, published(1, configuration()));
    await host.pull();
    await publish(host, published(2, configuration('10.0.0.1', 3), 'three slots'));
    const reached = join(host.folder, 'checking');
    const checker = join(host.folder, 'checker');
    await writeFile(checker, `#!/bin/sh\ntouch ${reached}\nexec sleep 60\n`, { mode: 0o755 });
    const next = await killedAt('HITLESS_HAPROXY', reached, checker);
    expect(next.stdout).toBe(on('installed generation 2 of fleet edge; reloaded HAProxy'));
    expect(await host.reloads()).toBe(2);
    expect(await readdir(join(host.folder, 'etc'))).toEqual(['haproxy.cfg', 'haproxy.cfg.previous']);
    expect((await readdir(join(host.folder, 'state'))).sort()).toEqual(['installed', 'lock']);
  });

  test('while HAProxy reloads makes the next run reload again', async () => {
    await publish(host, published(1, configuration()));
    await host.pull();
    await publish(host, published(2, configuration('10.0.0.1', 3), 'three slots'));
    const reached = join(host.folder, 'reloading');
    const next = await killedAt('HITLESS_RELOAD', reached, `touch ${reached}; sleep 60`);
    expect(next.code).toBe(0);
    expect(await host.reloads()).toBe(2);
  });

  test('between the new file and our memory of it makes the next run reload', async () => {
    await publish(host, published(1, configuration()));
    await host.pull();
    await publish(host, published(2, configuration('10.0.0.1', 3), 'three slots'));
    // What such a kill leaves: the file replaced, the reload noted, the old memory.
    await writeFile(host.configFile, configuration('10.0.0.1', 3));
    await writeFile(join(host.folder, 'state/reload-due'), '');
    expect((await host.pull()).stdout).toBe(
      on('generation 2 of fleet edge is in place already; reloaded HAProxy'),
    );
    expect(await host.reloads()).toBe(2);
  });
});

test('a kill at any moment ends right at the next run', async () => {
  const loaded = join(host.folder, 'loaded');
  const reload = { HITLESS_RELOAD: `cp ${host.configFile} ${loaded}` };
  let before = configuration('10.0.0.1', 1);
  await publish(host, published(1, before, '1 slots'));
  await host.pull(reload);
  const typical = await timeOf(() => host.pull(reload));
  for (let round = 2; round <= 25; round += 1) {
    // Every second round changes addresses alone.
    const slots = Math.floor(round / 2);
    await publish(host, published(round, configuration(`10.0.0.${round}`, slots), `${slots} slots`));
    const child = spawn('/bin/sh', [program], {
      env: { ...host.environment, ...reload },
      stdio: 'ignore',
      detached: true,
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await Promise.race([ended, sleep(Math.random() * typical * 3)]);
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It had ended before.
    }
    await ended;
    const wanted = configuration(`10.0.0.${round}`, slots);
    expect([before, wanted]).toContain(await host.read(host.configFile));
    expect((await host.pull(reload)).code).toBe(0);
    expect(await host.read(host.configFile)).toBe(wanted);
    expect((await host.read(loaded))?.match(/^ {4}server /gm)).toHaveLength(slots);
    before = wanted;
  }
});

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
