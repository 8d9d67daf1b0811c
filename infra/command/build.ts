/**
 * `npm run build [-- FILE]`: the command in one file, dist/hitless.cjs, that needs Node.js 20 or newer and nothing else.
 *
 * It is CommonJS, so that it runs under any name and in any folder (`scp hitless.cjs lb1:/usr/local/bin/hitless`), and
 * what a command does not use is not run: esbuild wraps a module that is imported dynamically, and each CommonJS one.
 * Not minified, so that the places in an error can be read. The same sources give the same bytes in any folder.
 */

import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { lazyBuiltins } from './lazy-builtins.ts';

const top = join(import.meta.dirname, '../..');

const common = {
  absWorkingDir: top,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  charset: 'ascii',
  legalComments: 'none',
  // So that neither where node_modules is nor a tsconfig.json of somebody else's makes a difference.
  preserveSymlinks: true,
  tsconfigRaw: { compilerOptions: { strict: true } },
  write: false,
  logLevel: 'warning',
} as const satisfies BuildOptions;

/** @param file is replaced; its folder is made. */
export async function buildCommand(file: string): Promise<void> {
  // A comment ends where the program says so for the first time: there, it says something else (start.ts).
  const program = (await programText()).replaceAll('*/', '*\x01/');
  const digest = createHash('sha256').update(program).digest('hex').slice(0, 16);
  const { version } = manifestOf(join(top, 'package.json'));
  const text = [
    '#!/usr/bin/env node',
    `/* Hitless ${version}, the command in one file: it needs Node.js 20 or newer and nothing else. */`,
    await startText(digest),
    `/*PROGRAM ${digest}`,
    `${program}*/`,
    '',
  ].join('\n');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, 0o755);
}

async function programText(): Promise<string> {
  return textOf(
    await build({
      ...common,
      stdin: {
        contents: "import './infra/command/older-node.ts';\nimport './lib/cli/hitless.ts';\n",
        resolveDir: top,
        sourcefile: 'program.ts',
      },
      target: 'node20',
      // A package's ES module is smaller than its CommonJS one, for what is not used can go.
      mainFields: ['module', 'main'],
      // The program is no module of its own (start.ts), so that it can only require.
      supported: { 'dynamic-import': false },
      // nunjucks asks for it only when it is to watch its templates, which it never is here.
      external: ['chokidar'],
      plugins: [manifests, lazyBuiltins],
    }),
  );
}

async function startText(digest: string): Promise<string> {
  return textOf(
    await build({
      ...common,
      entryPoints: ['infra/command/start.ts'],
      target: 'es2015',
      supported: { 'node-colon-prefix-import': false, 'node-colon-prefix-require': false },
      minifySyntax: true,
      define: { PROGRAM_DIGEST: JSON.stringify(digest) },
    }),
  );
}

function textOf({
  outputFiles: [file],
}: {
  readonly outputFiles: readonly { readonly text: string }[];
}): string {
  if (file === undefined) throw new Error('esbuild made no file');
  return file.text;
}

/** Of a package.json only the name and version are asked for. */
const manifests: Plugin = {
  name: 'manifests',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]package\.json$/ }, ({ path }) => ({
      contents: JSON.stringify(manifestOf(path)),
      loader: 'json',
    }));
  },
};

function manifestOf(path: string): { readonly name: string; readonly version: string } {
  const { name, version } = JSON.parse(readFileSync(path, 'utf8'));
  return { name, version };
}

if (import.meta.main) await buildCommand(resolve(process.argv[2] ?? join(top, 'dist/hitless.cjs')));
