import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigInvalid } from '../../lib/config/config-invalid.ts';
import { loadConfig } from '../../lib/config/load-config.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hitless-config-'));
});
afterAll(() => rm(folder, { recursive: true }));

const fleet = `
    instances: { lb1: "unix:///run/a.sock" }
    tls: { ca: ../ca.pem }
    backends: { be: { service: web } }
`;

test('a file and its template are read, and paths are relative to the file', async () => {
  await mkdir(join(folder, 'conf'));
  await writeFile(join(folder, 'edge.cfg.j2'), '{{ backends_be }}\n');
  const file = join(folder, 'conf', 'hitless.yml');
  await writeFile(file, `store: file:state\nfleets:\n  edge:\n    template: ../edge.cfg.j2${fleet}`);

  const config = await loadConfig(file);

  expect(config.store).toEqual({ scheme: 'file', path: join(folder, 'conf', 'state') });
  expect(config.fleets[0]?.tls).toEqual({ ca: join(folder, 'ca.pem') });
  expect(config.fleets[0]?.template).toEqual({
    path: join(folder, 'edge.cfg.j2'),
    text: '{{ backends_be }}\n',
  });
});

test('a missing file is named as the operator named it', async () => {
  const missing = join(folder, 'nowhere.yml');
  await expect(loadConfig(missing)).rejects.toThrow(`${missing}: there is no such file`);
  await expect(loadConfig(missing)).rejects.toBeInstanceOf(ConfigInvalid);
});

test('a folder cannot be read', async () => {
  await expect(loadConfig(folder)).rejects.toThrow(
    `${folder}: cannot be read: ${folder} is a directory, not a file`,
  );
});

test('a missing template is a problem at its key', async () => {
  const file = join(folder, 'broken.yml');
  await writeFile(file, `store: file:state\nfleets:\n  edge:\n    template: gone.j2${fleet}`);
  await expect(loadConfig(file)).rejects.toThrow(
    `${file}:4 fleets.edge.template: cannot read the template: ENOENT`,
  );
});

describe('what is no ordinary file is refused at once, by a sentence that names it', () => {
  const named: { what: string; name: string; make?: (path: string) => unknown; says: string }[] = [
    { what: 'a device', name: '/dev/zero', says: '/dev/zero is a device, not a file' },
    {
      what: 'a pipe that nobody writes to',
      name: 'pipe.j2',
      make: (path) => execFileSync('mkfifo', [path]),
      says: 'pipe.j2 is a pipe, not a file',
    },
    {
      what: 'a directory',
      name: 'dir.j2',
      make: (path) => mkdir(path),
      says: 'dir.j2 is a directory, not a file',
    },
    {
      what: 'a huge file',
      name: 'huge.j2',
      make: async (path) => {
        await writeFile(path, '');
        await truncate(path, 1024 ** 4);
      },
      says: 'huge.j2 has more than 4MiB, which is not read',
    },
  ];
  test.each(named)('as a template: $what', async ({ name, make, says }) => {
    const template = join(folder, name);
    await make?.(template);
    const file = join(folder, 'named.yml');
    await writeFile(file, `store: file:state\nfleets:\n  edge:\n    template: ${name}${fleet}`);
    const began = performance.now();
    const refusal = await loadConfig(file).catch(String);
    expect(refusal).toContain(`${file}:4 fleets.edge.template: cannot read the template: `);
    expect(refusal).toContain(says);
    expect(performance.now() - began).toBeLessThan(1_000);
  });

  test.each(named.filter(({ what }) => !what.startsWith('a pipe')))('as hitless.yml: $what', async ({
    name,
    says,
  }) => {
    const file = name.startsWith('/') ? name : join(folder, name);
    await expect(loadConfig(file)).rejects.toThrow(`${file}: cannot be read: `);
    await expect(loadConfig(file)).rejects.toThrow(says);
  });

  test('hitless.yml may come through a pipe, as from <(…) of a shell', async () => {
    const file = join(folder, 'hitless.pipe');
    execFileSync('mkfifo', [file]);
    const loading = loadConfig(file);
    await writeFile(file, `store: file:state\nfleets:\n  edge:${fleet}`);
    expect((await loading).fleets[0]?.name).toBe('edge');
  });
});
