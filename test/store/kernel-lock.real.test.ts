import { chmodSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type TemporaryFolder, temporaryFolder } from '../../infra/local/temporary-folder.ts';
import { withKernelLock } from '../../lib/store/kernel-lock.ts';

let folder: TemporaryFolder;
let path: string;

beforeEach(() => {
  folder = temporaryFolder('lock');
  path = join(folder.path, 'lock');
});

afterEach(() => {
  vi.unstubAllEnvs();
  folder.remove();
});

test('whoever comes while it is held waits, and is told when it takes too long', async () => {
  await withKernelLock(path, 1_000, async () => {
    const late = withKernelLock(path, 20, async () => {});
    await expect(late).rejects.toThrow(
      `process ${process.pid} of user ${userInfo().username} held ${path} for 20 ms`,
    );
  });
  expect(await withKernelLock(path, 1_000, async () => 'free again')).toBe('free again');
});

test('a lock file that may only be read excludes as well', async () => {
  writeFileSync(path, '');
  chmodSync(path, 0o444);
  await withKernelLock(path, 1_000, () =>
    expect(withKernelLock(path, 20, async () => {})).rejects.toThrow('held'),
  );
});

test('work that fails lets it go', async () => {
  const failing = withKernelLock(path, 1_000, async () => {
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(await withKernelLock(path, 1_000, async () => 'free')).toBe('free');
});

test('without the program flock nothing is locked, and it is said', async () => {
  vi.stubEnv('PATH', '/nowhere');
  const work = vi.fn(async () => {});
  await expect(withKernelLock(path, 1_000, work)).rejects.toThrow(
    /flock \(of util-linux\) cannot be started/,
  );
  expect(work).not.toHaveBeenCalled();
});
