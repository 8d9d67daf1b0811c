/** Reading the body of an answer as a part of its request, so that one that breaks off is asked for again. */

import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { GetObjectCommand } from '@aws-sdk/client-s3';
import { LARGEST_OBJECT_BYTES } from '../model/limits.ts';
import { ObjectTooLarge } from './object-store.ts';

type Plugin = Parameters<GetObjectCommand['middlewareStack']['use']>[0];

/** For all of it. A connection that says nothing is given up sooner, one that trickles is not. */
const WHOLE_BODY_MS = 10_000;

/**
 * For a `GetObjectCommand`, whose body the SDK gives to its caller as a stream: what goes wrong with that is not sent
 * again by the SDK (measured on @aws-sdk 3.1169: `aborted`). Below its retries the stream is read to the end, and
 * given on as one that cannot fail. The objects of Hitless fit into the memory anyway.
 */
export const wholeBody: Plugin = {
  applyToStack(stack) {
    stack.add(
      (next) => async (args) => {
        const result = await next(args);
        const { response } = result;
        if (!hasStream(response)) return result;
        // S3 always says it.
        if (Number(response.headers['content-length']) > LARGEST_OBJECT_BYTES) {
          response.body.destroy();
          throw new ObjectTooLarge();
        }
        response.body = Readable.from([await readWhole(response.body)]);
        return result;
      },
      { step: 'deserialize', priority: 'low', name: 'hitlessWholeBody', override: true },
    );
  },
};

function hasStream(
  response: unknown,
): response is { body: Readable; headers: Readonly<Record<string, string>> } {
  return typeof response === 'object' && response !== null && 'body' in response
    ? response.body instanceof Readable
    : false;
}

async function readWhole(body: Readable): Promise<Buffer> {
  const late = setTimeout(() => {
    const error = new Error(`the body of the answer took more than ${WHOLE_BODY_MS} ms`);
    body.destroy(Object.assign(error, { name: 'TimeoutError' }));
  }, WHOLE_BODY_MS);
  try {
    return await buffer(body);
  } finally {
    clearTimeout(late);
  }
}
