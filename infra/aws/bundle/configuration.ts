/** An esbuild plugin that puts the deployment's hitless.yml and its templates beside every bundle. */

import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';

/** @param files paths below `folder`; they keep them below the folder of the bundle. */
export function configurationBeside(folder: string, files: readonly string[]): Plugin {
  return {
    name: 'configuration',
    setup(build) {
      build.onEnd(() => {
        const target = build.initialOptions.outdir ?? '.';
        for (const file of files) {
          mkdirSync(dirname(join(target, file)), { recursive: true });
          copyFileSync(join(folder, file), join(target, file));
        }
      });
    },
  };
}
