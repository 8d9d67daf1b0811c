/** The functions as they are packaged, without the packaging: the bundles of serverless.yml's options, in a folder. */

import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { bundleOptions } from '../../infra/aws/bundle/options.ts';

const sources = resolve(import.meta.dirname, '../../functions');

/**
 * @param folder with a hitless.yml; `bundles/NAME.mjs` are made there, with what a package has beside them.
 * @returns where the bundle of a function is.
 */
export async function bundled(
  folder: string,
  names: readonly ('webhook' | 'worker' | 'reconcile')[],
): Promise<(name: string) => URL> {
  const { outputFileExtension, outputWorkFolder, exclude, ...options } = bundleOptions({
    service: { custom: { deployment: { folder, files: [] } } },
  });
  const outdir = join(folder, 'bundles');
  await build({
    ...options,
    entryPoints: names.map((name) => join(sources, `${name}.ts`)),
    outdir,
    outExtension: { '.js': outputFileExtension },
    external: [...exclude],
    sourcemap: false,
    logLevel: 'error',
  });
  return (name) => new URL(`file://${join(outdir, `${name}${outputFileExtension}`)}`);
}
