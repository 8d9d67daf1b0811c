/** The process that does the passes, as Lambda runs a function: one bundle, and little memory. */

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { temporaryFolder } from '../../../infra/local/temporary-folder.ts';
import { type Child, startChild } from '../child.ts';

/**
 * What the Lambda runtime for Node.js gives V8 of a function's memory: nine tenths to the old generation, a twentieth
 * to each half of the young one. An invocation that needs more ends with an error.
 */
function limits(memoryMb: number): string[] {
  const share = (part: number) => Math.floor(memoryMb * part);
  return [`--max-old-space-size=${share(0.9)}`, `--max-semi-space-size=${share(0.05)}`];
}

/** Without the bundle, stripping types from the sources would count as memory of the passes. */
export async function startInvocation(
  environment: Readonly<Record<string, string>>,
  memoryMb: number,
): Promise<Child> {
  const folder = temporaryFolder('bench');
  const outfile = join(folder.path, 'invocation.mjs');
  await build({
    ...{ bundle: true, platform: 'node', format: 'esm', target: 'node24', minify: true, outfile },
    ...{ mainFields: ['module', 'main'], logLevel: 'error' },
    entryPoints: [join(import.meta.dirname, 'invocation.ts')],
    banner: {
      js: "import{createRequire as createRequireOfBundle}from'node:module';const require=createRequireOfBundle(import.meta.url);",
    },
  });
  const child = startChild(pathToFileURL(outfile), { environment, execArgv: limits(memoryMb) });
  return {
    ask: (request, answer) => child.ask(request, answer),
    async stop() {
      await child.stop();
      folder.remove();
    },
  };
}
