/**
 * A folder that dpkg takes for a host: with its own database of packages, and a systemd that only notes what it is told.
 * Nothing of this machine is changed; the maintainer scripts run with DPKG_ROOT (dpkg's `script-chrootless`).
 */

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../../infra/local/temporary-folder.ts';
import { type Run, run } from '../host/pulling-host.ts';

export interface HostWithPackages {
  readonly root: string;
  dpkg(...words: readonly string[]): Promise<Run>;
  /** What systemd has been told since the last call, one command a line. */
  told(): string[];
  /** As `systemctl enable UNIT` does. */
  systemctl(...words: readonly string[]): Promise<Run>;
  remove(): void;
}

export function hostWithPackages(): HostWithPackages {
  const folder = temporaryFolder('deb');
  const root = join(folder.path, 'root');
  const programs = join(folder.path, 'programs');
  const log = join(folder.path, 'told');
  for (const path of ['var/lib/dpkg/info', 'var/lib/dpkg/updates', 'run/systemd/system', 'usr/bin']) {
    mkdirSync(join(root, path), { recursive: true });
  }
  writeFileSync(join(root, 'var/lib/dpkg/status'), '');
  mkdirSync(programs);
  const noting = (name: string) => {
    writeFileSync(join(programs, name), `#!/bin/sh\necho "${name} $*" >> ${log}\n`);
    chmodSync(join(programs, name), 0o755);
  };
  noting('systemctl');
  noting('deb-systemd-invoke');
  // The real one, which acts on DPKG_ROOT; the scripts ask whether it is there.
  writeFileSync(join(root, 'usr/bin/deb-systemd-helper'), '');
  chmodSync(join(root, 'usr/bin/deb-systemd-helper'), 0o755);
  const path = `${programs}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
  return {
    root,
    dpkg: (...words) =>
      run(['dpkg', `--root=${root}`, '--force-script-chrootless', '--force-depends', ...words], {
        PATH: path,
        DEBIAN_FRONTEND: 'noninteractive',
        LC_ALL: 'C',
      }),
    told() {
      const text = existsSync(log) ? readFileSync(log, 'utf8') : '';
      writeFileSync(log, '');
      return text.split('\n').slice(0, -1);
    },
    systemctl: (...words) => run(['/usr/bin/systemctl', `--root=${root}`, ...words], { PATH: path }),
    remove: () => folder.remove(),
  };
}
