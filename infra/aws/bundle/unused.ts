/**
 * An esbuild plugin that leaves out what is loaded although no function uses it: 57 kB of the worker, and a third of
 * the time that its import takes.
 */

import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Plugin } from 'esbuild';

/** Of Consul's API, `health` is used. */
const REST_OF_CONSUL =
  /node_modules[\\/]consul[\\/]lib[\\/](?:acl|agent|catalog|event|kv|query|session|status|transaction|watch)\.js$/;

/** Half of what its parts share is for registering services and checks, which no function does. */
const SHARED_BY_CONSUL = /node_modules[\\/]consul[\\/]lib[\\/]utils\.js$/;
const FOR_REGISTERING = /^function _createTaggedAddress[\s\S]*(?=^function hasIndexChanged)/m;
const EXPORTS_OF_IT = /^exports\.create\w+ = \w+;$/gm;

/** The SDK's way of sending again that AWS_RETRY_MODE can ask for; every client here has its own (lib/aws/retries.ts). */
const ADAPTIVE_RETRIES = /@smithy[\\/]core[\\/].*[\\/]AdaptiveRetryStrategy\.js$/;

/** The SDK's own SHA-1 and SHA-256, for where Node.js was built without (Sha256Node.js, `hasNativeCrypto`). */
const SHA_WITHOUT_NODE = /(?:@smithy[\\/]core|@aws-sdk[\\/]checksums)[\\/].*[\\/](Sha\d+Js)\.js$/;

/** They ask for their own version, and get all that npm wants to know of them. */
const MANIFEST = /node_modules[\\/].*[\\/]package\.json$/;

/**
 * An ES module that imports `node:http` gets all its names, among them WebSocket's, and for these Node.js loads undici
 * and http2 (measured on 24.21; who requires it gets them when he asks for them).
 */
const HTTP = /^(?:node:)?http$/;

export const unused: Plugin = {
  name: 'unused',
  setup(build) {
    build.onLoad({ filter: REST_OF_CONSUL }, ({ path }) => {
      const name = basename(path, '.js');
      const contents = `exports.${name.charAt(0).toUpperCase()}${name.slice(1)} = class {};`;
      return { contents, loader: 'js' };
    });
    build.onLoad({ filter: SHARED_BY_CONSUL }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      return { contents: text.replace(FOR_REGISTERING, '').replace(EXPORTS_OF_IT, ''), loader: 'js' };
    });
    build.onLoad({ filter: ADAPTIVE_RETRIES }, () => ({
      contents: 'export class AdaptiveRetryStrategy {}',
      loader: 'js',
    }));
    build.onLoad({ filter: SHA_WITHOUT_NODE }, ({ path }) => ({
      contents: `export class ${basename(path, '.js')} {}`,
      loader: 'js',
    }));
    build.onResolve({ filter: /^\.\/directory-store\.ts$/ }, () => ({
      path: join(import.meta.dirname, 'no-directory-store.ts'),
      sideEffects: false,
    }));
    build.onLoad({ filter: MANIFEST }, async ({ path }) => {
      const { name, version } = JSON.parse(await readFile(path, 'utf8'));
      return { contents: JSON.stringify({ name, version }), loader: 'json' };
    });
    build.onResolve({ filter: HTTP }, ({ kind }) =>
      kind === 'require-call' ? undefined : { path: 'http', namespace: 'required' },
    );
    build.onLoad({ filter: HTTP, namespace: 'required' }, () => ({
      contents: "module.exports = require('node:http');",
      loader: 'js',
    }));
    build.onResolve({ filter: /^@smithy\/core\/event-streams$/ }, () => ({
      path: join(import.meta.dirname, 'no-event-streams.ts'),
      sideEffects: false,
    }));
  },
};
