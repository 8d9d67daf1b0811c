/** Packages the functions as `npm run package` does, and unpacks them far from the repository and its node_modules. */

import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { temporaryFolder } from '../../infra/local/temporary-folder.ts';

const root = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

const FUNCTIONS = ['webhook', 'worker', 'reconcile'] as const;
export type FunctionName = (typeof FUNCTIONS)[number];

/** What the template says of a function, its variables with what they refer to. */
const lambdaFunction = v.object({
  Type: v.literal('AWS::Lambda::Function'),
  Properties: v.object({
    FunctionName: v.string(),
    Handler: v.string(),
    Timeout: v.number(),
    MemorySize: v.number(),
    Environment: v.object({
      Variables: v.record(v.string(), v.union([v.string(), v.object({ Ref: v.string() })])),
    }),
  }),
});
const template = v.object({ Resources: v.record(v.string(), v.unknown()) });

export type PackagedProperties = v.InferOutput<typeof lambdaFunction>['Properties'];

export interface Package {
  /** The folder of an unpacked function. */
  folderOf(name: FunctionName): string;
  propertiesOf(name: FunctionName): PackagedProperties;
  remove(): void;
}

/** @param configuration the hitless.yml that is packaged, with the template `edge.cfg.j2` beside it. */
export async function packageFunctions(configuration: string): Promise<Package> {
  const folder = temporaryFolder('package');
  const deployment = join(folder.path, 'deployment');
  const output = join(folder.path, 'output');
  mkdirSync(deployment);
  writeFileSync(join(deployment, 'hitless.yml'), configuration);
  for (const file of ['parameters.yml', 'edge.cfg.j2']) {
    copyFileSync(join(root, 'infra/aws/example', file), join(deployment, file));
  }
  const parameters = `${readFileSync(join(deployment, 'parameters.yml'), 'utf8')}\nconsulToken: /hitless/ric/consul-token\n`;
  writeFileSync(join(deployment, 'parameters.yml'), parameters);
  const osls = join(root, 'node_modules/.bin/osls');
  const options = ['--stage', 'ric', '--param', `folder=${deployment}`, '--package', output];
  await run(osls, ['package', ...options], { cwd: root });

  const { Resources } = v.parse(
    template,
    JSON.parse(readFileSync(join(output, 'cloudformation-template-update-stack.json'), 'utf8')),
  );
  const functions = Object.values(Resources).flatMap((one) => {
    const parsed = v.safeParse(lambdaFunction, one);
    return parsed.success ? [parsed.output.Properties] : [];
  });
  for (const name of FUNCTIONS) {
    await run('python3', ['-m', 'zipfile', '-e', join(output, `${name}.zip`), join(folder.path, name)]);
  }
  return {
    folderOf: (name) => join(folder.path, name),
    propertiesOf(name) {
      const found = functions.find(({ FunctionName }) => FunctionName.endsWith(`-${name}`));
      if (found === undefined) throw new Error(`the template has no function ${name}`);
      return found;
    },
    remove: () => folder.remove(),
  };
}
