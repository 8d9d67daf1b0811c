/**
 * Runs osls for `npm run package` and `npm run deploy`: `node infra/aws/osls.ts package|deploy [--stage STAGE] …`.
 * What is wrong with the configuration is said first, in its own words and without a stack.
 *
 * osls sends nothing anywhere but to AWS, and nothing at all when it packages. It finds no terminal, so it asks nothing
 * either. Its output is in `.serverless/`.
 */

import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { argv, exit } from 'node:process';
import { parseArgs } from 'node:util';
import { deployment } from './deployment.ts';

const USAGE = 64;
const root = join(import.meta.dirname, '../..');
const [command = '', ...rest] = argv.slice(2);
const { stage, param } = optionsOf(rest);

if (command === 'deploy' && (stage === undefined || stage === 'example')) {
  refuse(USAGE, 'name the stage, whose folder is deployments/STAGE: npm run deploy -- --stage prod');
}
process.chdir(root);
await deployment({ options: { ...(stage !== undefined && { stage }), param } }).catch((error: unknown) =>
  refuse(1, error instanceof Error ? error.message : String(error)),
);
// What is in it from another time must not be deployed.
if (command === 'package') rmSync('.serverless', { recursive: true, force: true });

const osls = spawn('osls', [command, ...rest], { stdio: ['ignore', 'inherit', 'inherit'] });
osls.on('error', (error) => refuse(1, `osls could not be started: ${error.message}`));
osls.on('exit', (code) => exit(code ?? 1));

/** Those that decide what is deployed; osls reads the others. */
function optionsOf(args: readonly string[]): { stage: string | undefined; param: string[] } {
  const { values } = parseArgs({
    args: [...args],
    options: { stage: { type: 'string', short: 's' }, param: { type: 'string', multiple: true } },
    strict: false,
  });
  const texts = (values.param ?? []).filter((one) => typeof one === 'string');
  return { stage: typeof values.stage === 'string' ? values.stage : undefined, param: texts };
}

function refuse(code: number, why: string): never {
  console.error(`${command}: ${why}`);
  exit(code);
}
