/** (f) Each function's bundle, built as serverless.yml has it built: its size, and how long Node.js takes to import it. */

import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { bundleOptions } from '../../infra/aws/bundle/options.ts';
import { deployment } from '../../infra/aws/deployment.ts';
import { temporaryFolder } from '../../infra/local/temporary-folder.ts';
import { type Benchmark, type Row, verify } from './benchmark.ts';
import { median } from './statistics.ts';

const FUNCTIONS = ['webhook', 'worker', 'reconcile'] as const;
const LARGEST_KB = 500;
const SLOWEST_IMPORT_MS = 120;

export const bundles: Benchmark = {
  name: 'bundles',
  title: 'size and cold import of each bundle',

  async run({ runs, size, tell }) {
    const rounds = runs ?? (size === 'small' ? 3 : 9);
    const folder = temporaryFolder('bundles');
    try {
      const rows: Row[] = [];
      for (const name of FUNCTIONS) {
        tell(name);
        const file = await bundleOf(name, folder.path);
        const times: number[] = [];
        for (let round = 0; round < rounds; round += 1) times.push(await importMs(file));
        const compressed = gzipSync(await readFile(file)).length / 1_000;
        rows.push({
          what: `${name}: minified`,
          value: (await stat(file)).size / 1_000,
          unit: 'kB',
          bar: { atMost: LARGEST_KB },
          note: `${compressed.toFixed(0)} kB compressed`,
        });
        rows.push({
          what: `${name}: import`,
          value: median(times),
          unit: 'ms',
          bar: { atMost: SLOWEST_IMPORT_MS },
          note: `${Math.min(...times).toFixed(0)} to ${Math.max(...times).toFixed(0)} ms`,
        });
      }
      return { sizes: { rounds, Node: process.versions.node, kB: '1,000 bytes' }, rows };
    } finally {
      folder.remove();
    }
  },
};

async function bundleOf(name: string, folder: string): Promise<string> {
  const service = { custom: { deployment: await deployment({ options: { stage: 'example' } }) } };
  const { outputFileExtension, outputWorkFolder: _, exclude, ...options } = bundleOptions({ service });
  const outdir = join(folder, name);
  await build({
    ...options,
    entryPoints: [join(import.meta.dirname, `../../functions/${name}.ts`)],
    outdir,
    outExtension: { '.js': outputFileExtension },
    external: [...exclude],
    logLevel: 'error',
  });
  return join(outdir, `${name}${outputFileExtension}`);
}

const IMPORT = `
  const startedMs = performance.now();
  const { handler } = await import(process.argv[1]);
  console.log(JSON.stringify({ ms: performance.now() - startedMs, handler: typeof handler }));
`;

/** In a new process, outside the checkout. */
async function importMs(file: string): Promise<number> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', IMPORT, file],
    {
      cwd: join(file, '..'),
    },
  );
  const [, ms, handler] = /^\{"ms":([\d.]+),"handler":"(\w+)"\}\n$/.exec(stdout) ?? [];
  verify(handler === 'function', `${file} exports its handler`);
  return Number(ms);
}
