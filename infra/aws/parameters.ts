/** parameters.yml of a stage: what is deployed where. The file in `example/` explains every key. */

import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { parse } from 'yaml';
import { GENERATIONS_KEPT_DAYS } from '../../lib/store/generations.ts';

export type Parameters = v.InferOutput<typeof schema>;

/** parameters.yml is missing or wrong; the message names the file and every key. */
export class ParametersInvalid extends Error {
  override readonly name = 'ParametersInvalid';
  readonly code = 'PARAMETERS_INVALID';

  constructor(file: string, problems: readonly string[], cause?: unknown) {
    super(`${file}:\n${problems.map((problem) => `  ${problem}`).join('\n')}`, { cause });
  }
}

const schema = v.pipe(
  v.strictObject({
    region: matching(/^[a-z]{2}(-[a-z]+)+-\d$/, 'a region such as eu-central-1'),
    subnets: v.pipe(
      v.array(
        matching(/^subnet-[0-9a-f]+$/, 'a subnet such as subnet-0123456789abcdef0'),
        'expected a list of subnets',
      ),
      v.minLength(1, 'expected at least one subnet'),
    ),
    securityGroup: matching(/^sg-[0-9a-f]+$/, 'a security group such as sg-0123456789abcdef0'),
    api: v.optional(v.picklist(['public', 'private'], 'expected public or private'), 'public'),
    apiVpcEndpoint: v.exactOptional(
      matching(/^vpce-[0-9a-f]+$/, 'an endpoint such as vpce-0123456789abcdef0'),
    ),
    webhookTokens: v.exactOptional(parameterName()),
    consulToken: v.exactOptional(parameterName()),
    tls: v.exactOptional(parameterName()),
    bucket: v.optional(v.picklist(['create', 'existing'], 'expected create or existing'), 'create'),
    alarmTopic: v.exactOptional(matching(/^arn:[a-z-]+:sns:[^:]+:\d{12}:[^:]+$/, 'the ARN of an SNS topic')),
    workers: v.optional(between(2, 1000), 10),
    webhooks: v.optional(between(1, 1000), 10),
    propagation: v.optional(between(1, 3_600_000), 2000),
    logRetentionDays: v.optional(v.picklist(retentions(), `expected one of ${retentions().join(', ')}`), 30),
    generationsKeptDays: v.optional(between(1, 36_500), GENERATIONS_KEPT_DAYS),
    tracing: v.optional(v.boolean('expected true or false'), false),
  }),
  v.check(
    ({ api, apiVpcEndpoint }) => (api === 'private') === (apiVpcEndpoint !== undefined),
    '`api: private` and `apiVpcEndpoint` belong together',
  ),
);

/** @throws ParametersInvalid */
export async function readParameters(file: string): Promise<Parameters> {
  const result = v.safeParse(schema, await documentOf(file));
  if (result.success) return result.output;
  const problems = result.issues.map((issue) => {
    const key = v.getDotPath(issue);
    return key === null ? issue.message : `${key}: ${issue.message}`;
  });
  throw new ParametersInvalid(file, problems);
}

async function documentOf(file: string): Promise<unknown> {
  try {
    return parse(await readFile(file, 'utf8'));
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const words = error instanceof Error ? error.message : String(error);
    throw new ParametersInvalid(
      file,
      [missing ? 'there is no such file; copy the folder infra/aws/example and edit it' : words],
      error,
    );
  }
}

function matching(form: RegExp, what: string) {
  return v.pipe(v.string(`expected ${what}`), v.regex(form, `expected ${what}`));
}

/** A path, because a name without slashes is a wider namespace than one wants for secrets. */
function parameterName() {
  return matching(
    /^(\/[A-Za-z0-9_.-]+){2,14}$/,
    'the name of an SSM parameter such as /hitless/prod/webhook-tokens',
  );
}

function between(least: number, most: number) {
  const what = `expected a whole number from ${least} to ${most}`;
  return v.pipe(v.number(what), v.integer(what), v.minValue(least, what), v.maxValue(most, what));
}

/** What CloudWatch Logs takes. */
function retentions() {
  return [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653] as const;
}
