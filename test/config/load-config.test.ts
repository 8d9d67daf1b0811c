import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
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
  await expect(loadConfig(folder)).rejects.toThrow(`${folder}: cannot be read: EISDIR`);
});

test('a missing template is a problem at its key', async () => {
  const file = join(folder, 'broken.yml');
  await writeFile(file, `store: file:state\nfleets:\n  edge:\n    template: gone.j2${fleet}`);
  await expect(loadConfig(file)).rejects.toThrow(
    `${file}:4 fleets.edge.template: cannot read the template: ENOENT`,
  );
});
