/**
 * Exit code 0 when `node_modules` holds what `package-lock.json` says, 1 otherwise.
 *
 * npm itself keeps `node_modules/.package-lock.json`: what is installed, written last of all, so an interrupted
 * installation has none. Only optional packages (those for other systems) may be missing there.
 * Plain JavaScript, because it runs before the project's own Node.js is installed.
 */

import { accessSync, constants, readFileSync } from 'node:fs';

try {
  const wanted = JSON.parse(readFileSync('package-lock.json', 'utf8')).packages;
  const installed = JSON.parse(readFileSync('node_modules/.package-lock.json', 'utf8')).packages;
  for (const [path, { version, optional, devOptional }] of Object.entries(wanted)) {
    if (path === '' || installed[path]?.version === version) continue;
    if (installed[path] === undefined && (optional || devOptional)) continue;
    process.exit(1);
  }
  accessSync('node_modules/.bin/node', constants.X_OK);
} catch {
  process.exit(1);
}
