/** Which services Consul has, by name: for whoever sets Hitless up and does not know yet what to ask for. */

import Consul from 'consul';
import * as v from 'valibot';
import { LARGEST_ANSWER_BYTES } from '../model/limits.ts';
import { printable } from '../model/printable.ts';
import { boundAnswers, CallContext } from './bounded-answer.ts';
import { ConsulFailed } from './consul-failed.ts';

const Names = v.record(v.string(), v.unknown());

/**
 * Sorted; without Consul's own service.
 *
 * @param address `http://127.0.0.1:8500`; https without certificates of one's own.
 * @throws ConsulFailed
 */
export async function readServiceNames(
  address: string,
  { token, timeoutMs }: { readonly token: string | undefined; readonly timeoutMs: number },
): Promise<string[]> {
  const call = `GET /v1/catalog/services at ${address.replace(/\/+$/, '')}`;
  const options = { baseUrl: `${address.replace(/\/+$/, '')}/v1`, defaults: {} };
  const client = new Consul(options);
  boundAnswers(client);
  const query = {
    timeout: timeoutMs,
    ctx: new CallContext(LARGEST_ANSWER_BYTES),
    ...(token === undefined || token === '' ? {} : { token: token.trim() }),
  };
  try {
    const [, body] = v.parse(v.tuple([v.unknown(), Names]), await client.catalog.service.list(query));
    return Object.keys(body)
      .filter((name) => name !== 'consul')
      .sort();
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new ConsulFailed(call, printable(words.replace(/^consul: /, ''), 200), null);
  }
}
