/** An esbuild plugin that leaves out what packages load although nobody here uses it: 45 kB of the worker. */

import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Plugin } from 'esbuild';

/** Of Consul's API, `health` is used. */
const REST_OF_CONSUL =
  /node_modules[\\/]consul[\\/]lib[\\/](?:acl|agent|catalog|event|kv|query|session|status|transaction|watch)\.js$/;

/** They ask for their own version, and get all that npm wants to know of them. */
const MANIFEST = /node_modules[\\/].*[\\/]package\.json$/;

export const unused: Plugin = {
  name: 'unused',
  setup(build) {
    build.onLoad({ filter: REST_OF_CONSUL }, ({ path }) => {
      const name = basename(path, '.js');
      const contents = `exports.${name.charAt(0).toUpperCase()}${name.slice(1)} = class {};`;
      return { contents, loader: 'js' };
    });
    build.onLoad({ filter: MANIFEST }, async ({ path }) => {
      const { name, version } = JSON.parse(await readFile(path, 'utf8'));
      return { contents: JSON.stringify({ name, version }), loader: 'json' };
    });
    build.onResolve({ filter: /^@smithy\/core\/event-streams$/ }, () => ({
      path: join(import.meta.dirname, 'no-event-streams.ts'),
      sideEffects: false,
    }));
  },
};
