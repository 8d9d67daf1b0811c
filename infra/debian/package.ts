/**
 * `npm run package:deb [-- FOLDER]`: hitless-pull as a Debian package, FOLDER/hitless-pull_VERSION_all.deb (dist/).
 *
 * For load balancers without Node.js: the program, its settings, its units and a manual page. The same sources give the
 * same bytes: the package's time is that of the changelog's first entry. It needs `dpkg-deb`, which every Debian has.
 */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import about from '../../package.json' with { type: 'json' };

const ours = import.meta.dirname;
const host = join(ours, '../host');

/**
 * Makes `folder` where it is missing; a package of the same version there is replaced.
 *
 * @returns the package's file.
 * @throws Error when there is no dpkg-deb, and in its words when it refuses.
 */
export function packageDeb(folder: string, version: string = about.version): string {
  const file = join(folder, `hitless-pull_${version}_all.deb`);
  mkdirSync(folder, { recursive: true });
  const staged = mkdtempSync(join(tmpdir(), 'hitless-deb-'));
  try {
    // Folders that only their owner may enter would be installed so.
    chmodSync(staged, 0o755);
    const entry = textOf(join(ours, 'changelog')).replace('VERSION', version);
    stage(staged, version, entry);
    build(staged, file, timeOf(entry));
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
  return file;
}

function stage(staged: string, version: string, changelog: string): void {
  const put = (path: string, content: string | Uint8Array, mode = 0o644) => {
    const file = join(staged, path);
    makeFolder(staged, dirname(file));
    writeFileSync(file, content);
    chmodSync(file, mode);
  };
  put('usr/sbin/hitless-pull', textOf(join(host, 'hitless-pull')), 0o755);
  put('etc/hitless-pull.conf', textOf(join(host, 'hitless-pull.conf')), 0o600);
  for (const unit of ['hitless-pull.service', 'hitless-pull.timer']) {
    const text = textOf(join(host, unit)).replaceAll('/usr/local/sbin/', '/usr/sbin/');
    put(`usr/lib/systemd/system/${unit}`, text);
  }
  put('usr/share/man/man8/hitless-pull.8.gz', packed(textOf(join(ours, 'hitless-pull.8'))));
  put('usr/share/doc/hitless-pull/changelog.gz', packed(changelog));
  put('usr/share/doc/hitless-pull/copyright', textOf(join(ours, 'copyright')));
  put('usr/share/lintian/overrides/hitless-pull', textOf(join(ours, 'lintian-overrides')));

  const files = filesBelow(staged);
  const bytes = files.map((path) => readFileSync(join(staged, path)));
  const size = Math.ceil(bytes.reduce((sum, content) => sum + content.length, 0) / 1024);
  put(
    'DEBIAN/control',
    textOf(join(ours, 'control'))
      .replace(/^Version: .*$/m, `Version: ${version}`)
      .replace(/^Installed-Size: .*$/m, `Installed-Size: ${size}`),
  );
  put('DEBIAN/conffiles', '/etc/hitless-pull.conf\n');
  const sums = files.map((path, at) => `${md5(bytes[at] ?? new Uint8Array())}  ${path}\n`);
  put('DEBIAN/md5sums', sums.filter((line) => !line.includes('  etc/')).join(''));
  for (const script of ['postinst', 'prerm', 'postrm']) {
    put(`DEBIAN/${script}`, textOf(join(ours, script)), 0o755);
  }
}

function build(staged: string, file: string, time: number): void {
  try {
    execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '--build', staged, file], {
      env: { ...process.env, SOURCE_DATE_EPOCH: String(time) },
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new Error('dpkg-deb is not installed: build the package on Debian', { cause: error });
    }
    throw error;
  }
}

/** Whatever this process's umask is, everybody may enter a folder of a package. */
function makeFolder(top: string, folder: string): void {
  if (folder === top) return;
  makeFolder(top, dirname(folder));
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o755);
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

/** In seconds: of the line ` -- NAME <ADDRESS>  DATE` of a changelog's first entry. */
function timeOf(changelog: string): number {
  const [, date = ''] = / {2}(\w{3}, .*)$/m.exec(changelog) ?? [];
  const time = Date.parse(date) / 1000;
  if (!Number.isInteger(time)) throw new Error(`the changelog's first entry has no date: ${date}`);
  return time;
}

const textOf = (path: string) => readFileSync(path, 'utf8');
const packed = (text: string) => gzipSync(text, { level: 9 });
const md5 = (content: Uint8Array) => createHash('md5').update(content).digest('hex');

if (import.meta.main) {
  process.umask(0o022);
  const folder = resolve(process.argv[2] ?? join(ours, '../../dist'));
  console.log(relative(process.cwd(), packageDeb(folder)));
}
