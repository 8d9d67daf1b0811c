/** What is said to a user who may not open HAProxy's socket. */

import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../../infra/local/temporary-folder.ts';
import { whoMayOpen } from '../../lib/runtime-api/socket-permission.ts';

function folder(): string {
  const { path, remove } = temporaryFolder('permission');
  onTestFinished(remove);
  return path;
}

describe.skipIf(process.getuid?.() !== 0)('whoever may not open a socket', () => {
  test('is told its group, and how to come into it', () => {
    const path = join(folder(), 'admin.sock');
    writeFileSync(path, '');
    chmodSync(path, 0o660);
    // `daemon` is 1 on every Debian.
    chownSync(path, 0, 1);
    expect(whoMayOpen(path)).toBe(
      'no permission for this socket, it is for user root and group daemon: `usermod -aG daemon root` lets in the user of this process',
    );
  });

  test('is told when no group may', () => {
    const path = join(folder(), 'admin.sock');
    writeFileSync(path, '');
    chmodSync(path, 0o600);
    expect(whoMayOpen(path)).toContain(
      'it is for user root alone: give its `stats socket` line `group haproxy mode 660`',
    );
  });

  test('is told of the folder where that is what is closed', () => {
    const path = join(folder(), 'closed');
    mkdirSync(path, { mode: 0o750 });
    chownSync(path, 0, 1);
    // Root sees everything; what is not there stands for what may not be seen.
    expect(whoMayOpen(join(path, 'admin.sock'))).toMatch(
      new RegExp(`^no permission for the folder ${path}, it is for user root and group daemon: `),
    );
  });
});
