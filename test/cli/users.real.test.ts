/** One store and several users: a service's own user, root at three in the morning, somebody else's Consul watch. */

import { chmodSync, chownSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createBench, fakeConsul, haproxy, tcp, unix } from './bench.ts';
import { endpoints } from './fake-consul.ts';

const OWNER = 12_345;
const OTHER = 12_346;

/** A store that belongs to this user, empty yet. */
async function bench(owner: number) {
  const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
  consul.register(endpoints(1, 3));
  const made = createBench({ consul: consul.url, instances: { lb: tcp(lb) } });
  chmodSync(made.folder, 0o755);
  const store = join(made.folder, 'store');
  mkdirSync(store);
  chownSync(store, owner, owner);
  return { ...made, store, consul };
}

describe.skipIf(process.getuid?.() !== 0)('the store of one user', () => {
  test('a sync by root leaves nothing that its owner could not write again', async () => {
    const { hitless, consul } = await bench(OWNER);
    expect((await hitless('sync')).code).toBe(0);
    consul.register(endpoints(1, 4));
    const own = await hitless('sync', { uid: OWNER });
    expect([own.code, own.stderr]).toEqual([0, '']);
    expect((await hitless('check --live', { uid: OWNER })).code).toBe(0);
  });

  test('another user is told whose it is, by check and by sync, and changes nothing', async () => {
    const { hitless, store, consul } = await bench(OWNER);
    expect((await hitless('sync', { uid: OWNER })).code).toBe(0);
    const before = readdirSync(store, { recursive: true });
    consul.register(endpoints(1, 4));
    const sentence = `it belongs to user ${OWNER}, and this process runs as ${OTHER}: run hitless as ${OWNER}`;
    const sync = await hitless('sync', { uid: OTHER });
    expect(sync.code).toBe(1);
    expect(sync.stderr).toContain(sentence);
    const check = await hitless('check --live', { uid: OTHER });
    expect(check.code).toBe(1);
    expect(check.stdout).toContain(sentence);
    expect(readdirSync(store, { recursive: true })).toEqual(before);
  });

  test('a store that is not there yet, in a folder that is not ours', async () => {
    const { hitless, folder } = await bench(OWNER);
    chmodSync(join(folder, 'store'), 0o700);
    const check = await hitless('check --live', { uid: OTHER });
    expect(check.stdout).toContain(`it belongs to user ${OWNER}`);
    expect((await hitless('sync', { uid: OTHER })).stderr).toContain(`it belongs to user ${OWNER}`);
  });

  test('what another user left in it is named, with what mends it', async () => {
    const { hitless, store } = await bench(OWNER);
    expect((await hitless('sync', { uid: OWNER })).code).toBe(0);
    for (const name of ['fleets/edge', 'fleets/edge/instances/lb']) chownSync(join(store, name), 0, 0);
    const check = await hitless('check --live', { uid: OWNER });
    expect(check.code).toBe(1);
    expect(check.stdout).toContain(`${join(store, 'fleets/edge')} (and 1 more)`);
    expect(check.stdout).toContain(`\`chown -R ${OWNER}: ${store}\` as root mends it`);
    const sync = await hitless('sync', { uid: OWNER });
    expect(sync.code).toBe(3);
    expect(sync.stdout + sync.stderr).toContain(`\`chown -R ${OWNER}: ${store}\` as root mends it`);
  });

  test('a lock file that another user left is named when it cannot be taken, and only then', async () => {
    const { hitless, store } = await bench(OWNER);
    expect((await hitless('sync', { uid: OWNER })).code).toBe(0);
    const lock = join(store, '.locks/turn-edge');
    chownSync(lock, 0, 0);
    chmodSync(lock, 0o644);
    expect((await hitless('check --live', { uid: OWNER })).code).toBe(0);
    expect((await hitless('sync', { uid: OWNER })).code).toBe(0);
    chmodSync(lock, 0o600);
    const check = await hitless('check --live', { uid: OWNER });
    expect(check.code).toBe(1);
    expect(check.stdout).toContain(`the store ${store}: ${lock} is refused`);
    expect(check.stdout).toContain(`\`chown -R ${OWNER}: ${store}\` as root mends it`);
    const sync = await hitless('sync', { uid: OWNER });
    expect(sync.code).toBe(1);
    expect(sync.stderr).toContain(`\`chown -R ${OWNER}: ${store}\` as root mends it`);
  });

  test('users of one group share it', async () => {
    const { hitless, store, consul } = await bench(OWNER);
    chmodSync(store, 0o2775);
    const [one, other] = [OWNER, OTHER].map((uid) => ({ uid, gid: OWNER, umask: '002' }));
    expect((await hitless('check --live', other)).code).toBe(0);
    for (const [index, user] of [one, other, one].entries()) {
      consul.register(endpoints(1, 4 + index));
      const { code, stderr } = await hitless('sync', user);
      expect([code, stderr]).toEqual([0, '']);
    }
  });
});

test.skipIf(process.getuid?.() !== 0)(
  'a user who may not open the socket gets one sentence that names the group',
  async () => {
    const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
    consul.register(endpoints(1, 1));
    const { folder, hitless } = createBench({ consul: consul.url, instances: { lb: unix(lb) } });
    for (const path of [folder, dirname(lb.socket)]) chmodSync(path, 0o755);
    chownSync(lb.socket, 0, 1);
    chmodSync(lb.socket, 0o660);
    const { stdout } = await hitless('plan', { uid: OWNER });
    expect(stdout).toContain(`it is for user root and group daemon: \`usermod -aG daemon ${OWNER}\` lets in`);
  },
);
