/** What `osls package` makes of serverless.yml, in a copy of the sources: two at once are not in each other's way. */

import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { temporaryFolder } from '../../../infra/local/temporary-folder.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const SOURCES = ['serverless.yml', 'package.json', 'functions', 'lib', 'infra/aws'];

export interface Deployed {
  /** Text of deployments/STAGE/hitless.yml and parameters.yml; without them, those of the example. */
  readonly hitless?: string;
  readonly parameters?: string;
  /** More files of that folder, by path. */
  readonly files?: Readonly<Record<string, string>>;
}

export interface Packaged {
  readonly template: Template;
  /** The folder of the zips: `webhook.zip`, … */
  readonly folder: string;
  /** Everything that osls printed. */
  readonly output: string;
  remove(): void;
}

export interface Template {
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Outputs: Readonly<Record<string, unknown>>;
}

export interface Resource {
  readonly Type: string;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
  readonly Properties: Readonly<Record<string, unknown>>;
}

/**
 * As the stage `test`, without credentials, a home folder or a network (without-network.ts).
 *
 * @throws Error with the output of osls.
 */
export async function packaged({ hitless, parameters, files = {} }: Deployed = {}): Promise<Packaged> {
  const scratch = temporaryFolder('package');
  const at = (...path: string[]) => join(scratch.path, ...path);
  await Promise.all(SOURCES.map((path) => cp(join(root, path), at(path), { recursive: true })));
  await symlink(join(root, 'node_modules'), at('node_modules'));
  await mkdir(at('deployments'));
  await cp(join(root, 'infra/aws/example'), at('deployments/test'), { recursive: true });
  const written = {
    ...files,
    ...(hitless !== undefined && { 'hitless.yml': hitless }),
    ...(parameters !== undefined && { 'parameters.yml': parameters }),
  };
  for (const [path, text] of Object.entries(written)) {
    await mkdir(dirname(at('deployments/test', path)), { recursive: true });
    await writeFile(at('deployments/test', path), text);
  }
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: at('home'),
    NODE_OPTIONS: `--import=${join(import.meta.dirname, 'without-network.ts')}`,
  };
  const args = [at('infra/aws/osls.ts'), 'package', '--stage', 'test'];
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: scratch.path, env });
    const file = at('.serverless/cloudformation-template-update-stack.json');
    const template: Template = JSON.parse(await readFile(file, 'utf8'));
    return { template, folder: at('.serverless'), output: stdout + stderr, remove: () => scratch.remove() };
  } catch (error) {
    scratch.remove();
    throw error;
  }
}
