/** hitless-pull as a Debian package: built, looked at by lintian, and through the life of an installation by dpkg. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { packageDeb } from '../../../infra/debian/package.ts';
import { haproxyPath } from '../../../infra/local/servers.ts';
import { type TemporaryFolder, temporaryFolder } from '../../../infra/local/temporary-folder.ts';
import about from '../../../package.json' with { type: 'json' };
import { configuration, program, published, run } from '../host/pulling-host.ts';
import { type HostWithPackages, hostWithPackages } from './host-with-packages.ts';

const top = resolve(import.meta.dirname, '../../..');
const there = (name: string) =>
  ['/usr/bin', '/bin', '/usr/sbin'].some((folder) => existsSync(join(folder, name)));
const noBuild = there('dpkg-deb') ? '' : ' (skipped: dpkg-deb is not installed)';
const noLintian = noBuild || (there('lintian') ? '' : ' (skipped: lintian is not installed)');
const noInstall =
  noBuild ||
  (process.getuid?.() !== 0 ? ' (skipped: it takes root)' : '') ||
  (there('deb-systemd-helper') && existsSync('/usr/bin/systemctl')
    ? ''
    : ' (skipped: systemd is not installed)');

let packages: TemporaryFolder;
let deb: string;
beforeAll(() => {
  packages = temporaryFolder('packages');
  if (noBuild === '') deb = packageDeb(packages.path);
});
afterAll(() => packages.remove());

describe.skipIf(noBuild !== '')(`the package${noBuild}`, () => {
  test('has the version of package.json, needs curl, and holds the program, its settings, its units and its manual', () => {
    const field = (name: string) =>
      execFileSync('dpkg-deb', ['--field', deb, name], { encoding: 'utf8' }).trim();
    expect([field('Version'), field('Architecture'), field('Depends')]).toEqual([
      about.version,
      'all',
      'curl (>= 7.88)',
    ]);
    const content = execFileSync('dpkg-deb', ['--contents', deb], { encoding: 'utf8' });
    const files = content.split('\n').flatMap((line) => {
      const [mode = '', owner = '', , , , path = ''] = line.split(/ +/);
      return mode.startsWith('-') ? [`${mode} ${owner} ${path}`] : [];
    });
    expect(files).toEqual([
      '-rw------- root/root ./etc/hitless-pull.conf',
      '-rw-r--r-- root/root ./usr/lib/systemd/system/hitless-pull.service',
      '-rw-r--r-- root/root ./usr/lib/systemd/system/hitless-pull.timer',
      '-rwxr-xr-x root/root ./usr/sbin/hitless-pull',
      '-rw-r--r-- root/root ./usr/share/doc/hitless-pull/changelog.gz',
      '-rw-r--r-- root/root ./usr/share/doc/hitless-pull/copyright',
      '-rw-r--r-- root/root ./usr/share/lintian/overrides/hitless-pull',
      '-rw-r--r-- root/root ./usr/share/man/man8/hitless-pull.8.gz',
    ]);
  });

  test('has the same bytes each time, whatever the umask', () => {
    const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');
    const before = digest(deb);
    execFileSync(
      'sh',
      ['-c', 'umask 077; exec "$0" infra/debian/package.ts "$1"', process.execPath, packages.path],
      { cwd: top, stdio: 'pipe' },
    );
    expect(digest(deb)).toBe(before);
  });

  test('has no fault that lintian calls an error or a warning', ({ skip }) => {
    skip(noLintian !== '', noLintian);
    const words = ['--allow-root', '--fail-on', 'none', '--tag-display-limit', '0', deb];
    expect(execFileSync('lintian', words, { encoding: 'utf8', stdio: 'pipe' })).toBe('');
  });
});

test('the manual page tells every setting and exit code that --help tells', () => {
  const page = readFileSync(join(top, 'infra/debian/hitless-pull.8'), 'utf8').replaceAll('\\-', '-');
  const help = execFileSync('sh', [program, '--help'], { encoding: 'utf8' });
  const settings = help.match(/\b(?:HITLESS|AWS)_[A-Z0-9_]+/g) ?? [];
  expect(new Set(page.match(/\b(?:HITLESS|AWS)_[A-Z0-9_]+/g))).toEqual(new Set(settings));
  const codes = [...help.matchAll(/^ {2}(\d) {2}/gm)].map(([, code]) => code);
  const [, exits = ''] = page.split('.SH EXIT STATUS');
  expect([...exits.matchAll(/^\.B (\d)$/gm)].map(([, code]) => code)).toEqual(codes);
  expect(codes).toHaveLength(6);
});

describe.skipIf(noInstall !== '')(`an installation${noInstall}`, () => {
  const conf = 'etc/hitless-pull.conf';
  let host: HostWithPackages;
  const at = (path: string) => join(host.root, path);
  const done = { code: 0, stderr: '' };

  beforeEach(async () => {
    host = hostWithPackages();
    expect(await host.dpkg('--install', deb)).toMatchObject({ code: 0 });
  });
  afterEach(() => host.remove());

  /** As the unit does: settings from the file, and nothing else but where this host's folders are. */
  const pull = async () => {
    const set = readFileSync(at(conf), 'utf8').matchAll(/^([A-Z_]+)=(.*)$/gm);
    return run([at('usr/sbin/hitless-pull')], {
      PATH: process.env.PATH ?? '/usr/bin:/bin',
      ...Object.fromEntries([...set].map(([, name, value]) => [name, value])),
      HITLESS_HAPROXY: await haproxyPath(),
      HITLESS_CONFIG_FILE: at('etc/haproxy/haproxy.cfg'),
      HITLESS_STATE_DIR: at('var/lib/hitless-pull'),
      HITLESS_RELOAD: 'true',
    });
  };
  const publishIn = (store: string, generation: number, address: string) => {
    const { current, text } = published(generation, configuration(address));
    mkdirSync(join(store, 'fleets/web'), { recursive: true });
    writeFileSync(join(store, 'fleets/web/haproxy.cfg'), text);
    writeFileSync(join(store, 'fleets/web/current.json'), current);
  };

  test('neither enables nor starts anything', async () => {
    expect(host.told()).toEqual(['systemctl --system daemon-reload']);
    expect(await host.systemctl('is-enabled', 'hitless-pull.timer')).toMatchObject({ stdout: 'disabled\n' });
    expect(statSync(at(conf)).mode & 0o777).toBe(0o600);
  });

  test('pulls as its settings say, is upgraded with the settings kept, and leaves nothing of its own after a purge', async () => {
    const store = at('srv/store');
    publishIn(store, 1, '10.0.0.1');
    mkdirSync(at('etc/haproxy'));
    const mine = readFileSync(at(conf), 'utf8')
      .replace(/^HITLESS_STORE=.*$/m, `HITLESS_STORE=file:${store}`)
      .replace(/^HITLESS_FLEET=.*$/m, 'HITLESS_FLEET=web');
    writeFileSync(at(conf), mine);
    expect(await pull()).toMatchObject({
      ...done,
      stdout: 'hitless-pull: installed generation 1 of fleet web (the first one); reloaded HAProxy\n',
    });

    expect(await host.systemctl('enable', 'hitless-pull.timer')).toMatchObject({ code: 0 });
    host.told();
    const next = packageDeb(packages.path, '99.0.0');
    expect(await host.dpkg('--install', next)).toMatchObject({ code: 0 });
    expect(await host.systemctl('is-enabled', 'hitless-pull.timer')).toMatchObject({ stdout: 'enabled\n' });
    // Of the old package's script and of the new one's.
    const twice = ['systemctl --system daemon-reload', 'systemctl --system daemon-reload'];
    expect(host.told(), 'an upgrade starts and stops nothing').toEqual(twice);
    expect(readFileSync(at(conf), 'utf8')).toBe(mine);
    expect(statSync(at(conf)).mode & 0o777).toBe(0o600);
    publishIn(store, 2, '10.0.0.2');
    expect(await pull()).toMatchObject({
      ...done,
      stdout: 'hitless-pull: installed generation 2 of fleet web, no reload needed\n',
    });

    expect(await host.dpkg('--purge', 'hitless-pull')).toMatchObject({ code: 0 });
    expect(host.told()).toContain('deb-systemd-invoke stop hitless-pull.timer hitless-pull.service');
    const left = readdirSync(host.root, { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.includes('hitless'),
    );
    expect(left).toEqual([]);
    expect(readFileSync(at('etc/haproxy/haproxy.cfg'), 'utf8')).toBe(configuration('10.0.0.2'));
    expect(readFileSync(at('etc/haproxy/haproxy.cfg.previous'), 'utf8')).toBe(configuration('10.0.0.1'));
  });

  test('that was removed keeps its settings, starts nothing at boot, and is enabled again when it comes back', async () => {
    await host.systemctl('enable', 'hitless-pull.timer');
    expect(await host.dpkg('--remove', 'hitless-pull')).toMatchObject({ code: 0 });
    expect(existsSync(at(conf))).toBe(true);
    expect(existsSync(at('usr/sbin/hitless-pull'))).toBe(false);
    expect(await host.systemctl('is-enabled', 'hitless-pull.timer')).toMatchObject({ stdout: 'masked\n' });
    expect(await host.dpkg('--install', deb)).toMatchObject({ code: 0 });
    expect(await host.systemctl('is-enabled', 'hitless-pull.timer')).toMatchObject({ stdout: 'enabled\n' });
  });

  test('whose timer an administrator masked or disabled leaves it so when it is upgraded', async () => {
    await host.systemctl('enable', 'hitless-pull.timer');
    await host.systemctl('disable', 'hitless-pull.timer');
    await host.dpkg('--install', packageDeb(packages.path, '99.0.1'));
    expect(await host.systemctl('is-enabled', 'hitless-pull.timer')).toMatchObject({ stdout: 'disabled\n' });
    await host.systemctl('mask', 'hitless-pull.timer');
    await host.dpkg('--install', packageDeb(packages.path, '99.0.2'));
    expect(await host.systemctl('is-enabled', 'hitless-pull.timer')).toMatchObject({ stdout: 'masked\n' });
  });
});
