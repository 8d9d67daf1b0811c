/**
 * An esbuild plugin for what happens when the functions are packaged, so that it need not happen in them: see
 * package-config.ts.
 */

import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';
import { loadConfig } from '../../../lib/config/load-config.ts';
import { PACKAGED_CONFIG, packagedConfig } from './package-config.ts';

/** @param files paths below `folder` besides hitless.yml; they keep them below the folder of the bundle. */
export function packaged(folder: string, files: readonly string[]): Plugin {
  return {
    name: 'packaged',
    setup(build) {
      build.onResolve({ filter: /\/load-config\.ts$/ }, () => standIn('packaged-config.ts'));
      // Of the whole package, which asks for the compiler in several places, only this is used.
      build.onResolve({ filter: /^nunjucks$/ }, ({ resolveDir, importer }) =>
        build.resolve('nunjucks/src/environment.js', { kind: 'import-statement', resolveDir, importer }),
      );
      build.onResolve({ filter: /^\.\/compiler$/ }, ({ importer }) =>
        /nunjucks[\\/]src[\\/]environment\.js$/.test(importer) ? standIn('compiled-templates.ts') : undefined,
      );
      build.onEnd(async () => {
        const target = build.initialOptions.outdir ?? '.';
        const config = await loadConfig(join(folder, 'hitless.yml'));
        mkdirSync(target, { recursive: true });
        writeFileSync(join(target, PACKAGED_CONFIG), packagedConfig(config, folder));
        for (const file of files) {
          mkdirSync(dirname(join(target, file)), { recursive: true });
          copyFileSync(join(folder, file), join(target, file));
        }
      });
    },
  };
}

function standIn(file: string) {
  return { path: join(import.meta.dirname, file), sideEffects: false };
}
