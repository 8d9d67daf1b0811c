/** How long requests to AWS are waited for: what every client of the SDK is made with. */

import { retriesFor } from './retries.ts';

export interface Patience {
  /** Until there is a connection, the wait for a free one included. */
  readonly connectMs: number;
  /** While there is one and nothing moves on it: to the first byte of an answer, and between two of its parts. */
  readonly silenceMs: number;
  /** From the first attempt until the last one begins. */
  readonly retryMs: number;
}

/**
 * Settings for a client of the SDK. A request fails at the latest `retryMs` and one attempt after it began.
 *
 * The SDK itself has no limit for a connection, nor for an answer of S3, and 15 minutes for one of SQS (measured on
 * 3.1169).
 */
export function withPatience({ connectMs, silenceMs, retryMs }: Patience) {
  return {
    requestHandler: { connectionTimeout: connectMs, socketTimeout: silenceMs },
    retryStrategy: retriesFor(retryMs),
  };
}
