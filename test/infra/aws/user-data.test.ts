import { execFile } from 'node:child_process';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../../infra/local/temporary-folder.ts';

const run = promisify(execFile);
const fileOf = (path: string) => fileURLToPath(new URL(`../../../infra/${path}`, import.meta.url));
const made = (...args: string[]) => run('/bin/sh', [fileOf('aws/hosts/user-data.sh'), ...args]);

const folder = temporaryFolder('user-data');
afterAll(() => folder.remove());
const at = (...path: string[]) => join(folder.path, ...path);

/** Stands in for what would change this machine; writes down how it was called. */
async function runUserData(script: string): Promise<string> {
  await mkdir(at('bin'), { recursive: true });
  for (const program of ['apt-get', 'systemctl']) {
    await writeFile(at('bin', program), `#!/bin/sh\necho "${program} $*" >> ${at('calls')}\n`, {
      mode: 0o755,
    });
  }
  await writeFile(at('user-data'), script);
  const env = { PATH: `${at('bin')}:/usr/bin:/bin`, DESTDIR: at('root') };
  await run('/bin/sh', [at('user-data')], { env });
  return readFile(at('calls'), 'utf8');
}

describe('the user data of a host', () => {
  let script: string;
  let calls: string;
  beforeAll(async () => {
    ({ stdout: script } = await made('s3://bucket/prefix', 'edge'));
    calls = await runUserData(script);
  });

  test('fits into what EC2 takes', () => {
    expect(script.length).toBeLessThan(16_384);
  });

  test('is the same whenever it is made', async () => {
    expect((await made('s3://bucket/prefix', 'edge')).stdout).toBe(script);
  });

  test('installs hitless-pull and its units as they are here', async () => {
    const installed = [
      ['hitless-pull', 'usr/local/sbin/hitless-pull', 0o755],
      ['hitless-pull.service', 'etc/systemd/system/hitless-pull.service', 0o644],
      ['hitless-pull.timer', 'etc/systemd/system/hitless-pull.timer', 0o644],
    ] as const;
    for (const [source, target, mode] of installed) {
      expect(await readFile(at('root', target), 'utf8')).toBe(
        await readFile(fileOf(`host/${source}`), 'utf8'),
      );
      expect((await stat(at('root', target))).mode & 0o777).toBe(mode);
    }
  });

  test('writes the settings of this fleet, for root alone', async () => {
    const settings = at('root/etc/hitless-pull.conf');
    expect(await readFile(settings, 'utf8')).toBe('HITLESS_STORE=s3://bucket/prefix\nHITLESS_FLEET=edge\n');
    expect((await stat(settings)).mode & 0o777).toBe(0o600);
  });

  test('installs HAProxy, and starts it and the timer', () => {
    expect(calls.split('\n')).toEqual([
      'apt-get -q update',
      'apt-get -q -y install --no-install-recommends haproxy curl ca-certificates',
      'systemctl daemon-reload',
      'systemctl enable --now haproxy.service',
      'systemctl enable --now hitless-pull.timer',
      '',
    ]);
  });
});

test.each([
  { what: 'no fleet', args: ['s3://bucket'], says: 'user-data.sh s3://BUCKET/PREFIX FLEET' },
  { what: 'a store that is no bucket', args: ['file:/srv', 'edge'], says: 'not s3://BUCKET/PREFIX' },
  { what: 'what a shell would read otherwise', args: ['s3://bucket', 'edge; reboot'], says: 'not allowed' },
])('user-data.sh refuses $what', async ({ args, says }) => {
  await expect(made(...args)).rejects.toMatchObject({ code: 64, stderr: expect.stringContaining(says) });
});
