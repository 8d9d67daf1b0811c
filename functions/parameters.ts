/** Reading SecureString parameters of AWS Systems Manager (SSM), with @middy/ssm. */

import middy from '@middy/core';
import ssm from '@middy/ssm';
import * as v from 'valibot';
import { withPatience } from '../lib/aws/patience.ts';
import { awsReason } from '../lib/aws/reason.ts';

/** Three to four seconds in all, for the webhook has ten for this and its message. */
const PATIENCE = { connectMs: 1_000, silenceMs: 1_500, retryMs: 2_500 } as const;

/** Parameters are not there, may not be read or decrypted, or SSM is not to be reached. Trying again later can help. */
export class ParametersFailed extends Error {
  override readonly name = 'ParametersFailed';
  readonly code = 'PARAMETERS_FAILED';
  readonly parameters: readonly string[];
  readonly why: string;

  constructor(parameters: readonly string[], why: string) {
    super(`cannot read ${parameters.join(', ')} from SSM: ${why}`);
    this.parameters = parameters;
    this.why = why;
  }
}

/**
 * One request for all of them, every time it is called: nothing is kept here.
 *
 * @param names up to ten parameters' names, by what they are called in `schema` (letters only).
 * @param schema reads their texts.
 * @returns throws `ParametersFailed` unless every one of them was read; no value is ever in an error.
 */
export function createParameterReader<T>(
  names: Readonly<Record<string, string>>,
  schema: v.GenericSchema<unknown, T>,
): () => Promise<T> {
  const fetched = ssm({
    fetchData: names,
    setToContext: true,
    cacheExpiry: 0,
    awsClientOptions: withPatience(PATIENCE),
  });
  const read = middy<unknown, unknown>()
    .use(fetched)
    .handler(async (_event, context) => context);
  const failed = (why: string) => new ParametersFailed(Object.values(names), why);
  return async () => {
    // middy wants a context of Lambda, and only puts the values into it.
    const values = await read({}, Object.create(null)).catch((error: unknown) => {
      throw failed(reasonOf(error));
    });
    const parsed = v.safeParse(schema, values);
    if (parsed.success) return parsed.output;
    const wrong = parsed.issues.flatMap((issue) => names[v.getDotPath(issue) ?? ''] ?? []);
    throw failed(`${wrong.join(' and ')} must be of type SecureString and hold text, no JSON`);
  };
}

/** middy hangs the reasons, one for each parameter, on the `cause` of its own error. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const hung = typeof cause === 'object' && cause !== null && 'data' in cause ? cause.data : undefined;
  const reasons = Array.isArray(hung) ? hung.map(wordsOf) : [error.message];
  return [...new Set(reasons)].join('; ');
}

function wordsOf(error: unknown): string {
  const words = awsReason('GetParameters', error);
  if (!(error instanceof Error) || error.name !== 'TimeoutError') return words;
  return `${words} (from a VPC, SSM is reached by an interface endpoint or a NAT gateway)`;
}
