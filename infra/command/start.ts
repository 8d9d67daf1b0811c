/**
 * The beginning of the one file that people install: checks Node.js, then runs the program, which stands behind it in a
 * comment, so that an older Node.js reads no syntax that it does not know. Bundled for Node.js 6 (build.ts).
 *
 * V8's code of the program is kept in `${XDG_CACHE_HOME:-~/.cache}/hitless` where that can be written, because to
 * compile the program takes longer than to run it. What is found there is run, so it must be ours: a file of our own
 * user that nobody else may write, with the digest of its content. Node's own cache (`module.enableCompileCache`, from
 * 22.1) keeps no code of the main file, and is in the folder for temporary files, which everybody may write.
 * `NODE_DISABLE_COMPILE_CACHE=1` switches it off.
 */

import { readFileSync } from 'node:fs';
import { Script } from 'node:vm';
import { keepCode, keptCode } from './code-cache.ts';

/** Put in by build.ts: what the program is recognised by. */
declare const PROGRAM_DIGEST: string;

const OLDEST = 20;

if (Number.parseInt(process.versions.node, 10) < OLDEST) {
  process.stderr.write(
    `hitless: this needs Node.js ${OLDEST} or newer, and ${process.execPath} is ${process.versions.node}\n`,
  );
  process.exit(1);
}

const file = readFileSync(__filename, 'latin1');
const begin = file.lastIndexOf(`/*PROGRAM ${PROGRAM_DIGEST}`);
const end = file.lastIndexOf('*/');
// The comment's end is no end inside of the program: see build.ts.
const program = file.slice(file.indexOf('\n', begin) + 1, end).replaceAll('*\x01/', '*/');
const kept = keptCode(PROGRAM_DIGEST);
const script = new Script(`(function (require, module, exports, __filename) {\n${program}\n})`, {
  filename: __filename,
  // So that a place in an error is one in this file.
  lineOffset: file.slice(0, begin).split('\n').length - 1,
  ...(kept === undefined ? {} : { cachedData: kept }),
});
script.runInThisContext()(require, module, exports, __filename);
if (kept === undefined || script.cachedDataRejected === true) {
  process.on('exit', (code) => {
    if (code !== 1) keepCode(PROGRAM_DIGEST, script);
  });
}
