/**
 * An esbuild plugin: a module of Node.js is loaded when something of it is used, and not when a file that imports it is.
 * commander, for one, imports `node:child_process`, which loads half of Node.js, for a feature that nobody uses here.
 */

import { createRequire } from 'node:module';
import type { Plugin } from 'esbuild';

/** Their exports are plain objects. Not so `events`, `stream` and others, which are classes. */
const LAZY = ['child_process', 'crypto', 'dns', 'http', 'http2', 'https', 'net', 'os', 'tls', 'util', 'zlib'];
const FILTER = new RegExp(`^(?:node:)?(?:process|${LAZY.join('|')})$`);

export const lazyBuiltins: Plugin = {
  name: 'lazy-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: FILTER }, ({ path, namespace }) =>
      namespace === 'lazy' ? undefined : { path: path.replace(/^node:/, ''), namespace: 'lazy' },
    );
    onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => ({ contents: standIn(path), loader: 'js' }));
  },
};

/** Whoever requires `process` has all of it looked at, its three streams, too: what is global is the same. */
function standIn(name: string): string {
  if (name === 'process') return 'module.exports = process;';
  const names = Object.keys(createRequire(import.meta.url)(`node:${name}`));
  const getters = names.map(
    (one) => `get ${JSON.stringify(one)}() { return load()[${JSON.stringify(one)}]; }`,
  );
  return [
    'let loaded;',
    `const load = () => (loaded ??= require('node:${name}'));`,
    `module.exports = { ${getters.join(',\n')} };`,
  ].join('\n');
}
