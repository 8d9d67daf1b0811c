/** Where AWS's Lambda Runtime Interface Client for Node.js is: the folder that `setup.sh` beside this file builds it in. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fetchedFolder } from '../servers.ts';

const VERSION = '4.0.2';

/**
 * The module that is started with `FILE.EXPORT` of a handler as its argument.
 *
 * @throws Error when it is not there.
 */
export function runtimeClientPath(): string {
  const folder = join(fetchedFolder(), '..', `lambda-ric-${VERSION}`, 'node_modules', 'aws-lambda-ric');
  if (existsSync(join(folder, 'rapid-client.node'))) return join(folder, 'index.mjs');
  throw new Error(`there is no aws-lambda-ric at ${folder}: run \`npm run test:lambda\`, which builds it`);
}
