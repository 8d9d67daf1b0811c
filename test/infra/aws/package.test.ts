import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../../infra/local/temporary-folder.ts';
import { type Packaged, packaged } from './packaged.ts';
import { filesIn } from './zip.ts';

const FUNCTIONS = ['webhook', 'worker', 'reconcile'] as const;

let one: Packaged;
let other: Packaged;
beforeAll(async () => {
  [one, other] = await Promise.all([packaged(), packaged()]);
}, 180_000);
afterAll(() => {
  one.remove();
  other.remove();
});

const zip = (name: string, of = one) => readFile(join(of.folder, `${name}.zip`));

async function bundleOf(name: string): Promise<Buffer> {
  const bundle = filesIn(await zip(name)).get(`functions/${name}.mjs`);
  if (bundle === undefined) throw new Error(`${name}.zip has no bundle`);
  return bundle;
}

test('nothing is asked for over the network', () => {
  expect(one.output).toContain('Service packaged');
  expect(one.output).not.toContain('tried to connect');
});

describe.each(FUNCTIONS)('the zip of %s', (name) => {
  test('holds its bundle, its map and the configuration, and nothing else', async () => {
    expect([...filesIn(await zip(name)).keys()].sort()).toEqual([
      'functions/hitless.json',
      `functions/${name}.mjs`,
      `functions/${name}.mjs.map`,
    ]);
  });

  test('has the same bytes when it is built again in another folder', async () => {
    expect((await zip(name, other)).equals(await zip(name))).toBe(true);
  });

  test('has no path of the machine it was built on', async () => {
    for (const content of filesIn(await zip(name)).values()) {
      expect(content.includes(process.cwd())).toBe(false);
      expect(content.includes('hitless-package-')).toBe(false);
    }
  });

  test('has a bundle that needs nothing but Node.js, and of that no client for fetch and HTTP/2', async () => {
    const scratch = temporaryFolder('bundle');
    try {
      const file = join(scratch.path, `${name}.mjs`);
      await writeFile(file, await bundleOf(name));
      const program = `
        const { handler } = await import(${JSON.stringify(file)});
        const unneeded = process.moduleLoadList.filter((name) => /undici|NativeModule http2/.test(name));
        console.log(typeof handler, unneeded.length);
      `;
      const env = { PATH: '', POWERTOOLS_LOG_LEVEL: 'SILENT' };
      const args = ['--input-type=module', '--eval', program];
      const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: scratch.path, env });
      expect(stdout).toBe('function 0\n');
    } finally {
      scratch.remove();
    }
  });

  test('does not grow unseen', async () => {
    const limit = { webhook: 250, worker: 530, reconcile: 225 }[name];
    expect((await bundleOf(name)).length / 1000).toBeLessThan(limit);
  });
});

test('no function has the store of one machine', async () => {
  for (const name of FUNCTIONS) expect((await bundleOf(name)).includes('.locks'), name).toBe(false);
});

test('credentials come from the environment of the function: nothing for single sign-on is in a bundle', async () => {
  for (const name of FUNCTIONS) {
    const bundle = await bundleOf(name);
    const has = (text: string) => bundle.includes(text);
    expect([has('AWS_SECRET_ACCESS_KEY'), has('sso_start_url')], name).toEqual([true, false]);
  }
});
