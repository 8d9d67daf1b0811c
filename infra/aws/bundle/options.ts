/** How serverless-esbuild makes the bundles: one ES module for each function, with everything inside. */

import type { BuildOptions } from 'esbuild';
import type { Deployment } from '../deployment.ts';
import { packaged } from './packaged.ts';
import { smaller } from './smaller.ts';
import { unused } from './unused.ts';

/** What is asked of a deployment is where its hitless.yml is, and which files of that folder travel with it. */
interface Serverless {
  readonly service: { readonly custom: { readonly deployment: Pick<Deployment, 'folder' | 'files'> } };
}

/** Options of serverless-esbuild besides those of esbuild. */
interface PluginOptions {
  readonly outputFileExtension: string;
  readonly outputWorkFolder: string;
  readonly exclude: readonly string[];
}

export function bundleOptions({ service }: Serverless): BuildOptions & PluginOptions {
  const { folder, files } = service.custom.deployment;
  return {
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    minify: true,
    legalComments: 'none',
    sourcemap: true,
    sourcesContent: false,
    // A package's ES module is smaller than its CommonJS one, for what is not used can go.
    mainFields: ['module', 'main'],
    // What is still CommonJS calls `require` for Node.js's own modules, and an ES module has none.
    banner: {
      js: "import{createRequire as createRequireOfBundle}from'node:module';const require=createRequireOfBundle(import.meta.url);",
    },
    // So the paths in a map do not tell where node_modules really is, and two machines build the same bytes.
    preserveSymlinks: true,
    // nunjucks asks for it only when it is to watch its templates, which it never is here.
    exclude: ['chokidar'],
    plugins: [packaged(folder, files), unused, smaller],
    outputFileExtension: '.mjs',
    // Its own for each run: what another one left there would be packaged, too.
    outputWorkFolder: `.esbuild/${process.pid}`,
  };
}
