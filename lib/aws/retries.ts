/** When a request to AWS is sent again: for a while, and not for a number of times. */

import type { SQSClientConfig } from '@aws-sdk/client-sqs';

type Strategy = NonNullable<SQSClientConfig['retryStrategy']>;
/** The SDK's own port for this; its older one has a single method `retry`. */
type RetryStrategy = Extract<Strategy, { acquireInitialRetryToken: unknown }>;
type Token = Awaited<ReturnType<RetryStrategy['acquireInitialRetryToken']>>;

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_000;

/**
 * Sends a request again until `forMs` have passed since its first attempt, and a last time then: so a fault that lasts
 * less is not noticed, however fast attempts fail. The SDK's standard three attempts are over after 30 to 105 ms when a
 * connection is reset (measured on @aws-sdk 3.1169).
 *
 * Pauses double from 100 ms to 1 s, each of them between its half and its whole by chance, so that many that failed
 * together do not come back together. What the SDK calls transient or throttling is sent again: no connection, one
 * that was reset, no answer in time, 429, 500, 502, 503, 504, `SlowDown` and their like; any other refusal is not.
 *
 * There is no quota for all requests together, as the SDK's strategy has it: after an outage that would be used up,
 * and the next hiccup fatal. What limits a storm here is `forMs`, and that functions give their work back.
 */
export function retriesFor(forMs: number): RetryStrategy {
  const startedMs = new WeakMap<Token, number>();
  const token = (retries: number, pauseMs: number, since: number): Token => {
    const made = { getRetryCount: () => retries, getRetryDelay: () => pauseMs };
    startedMs.set(made, since);
    return made;
  };
  return {
    acquireInitialRetryToken: async () => token(0, 0, performance.now()),
    async refreshRetryTokenForRetry(last, { errorType, error }) {
      const isTransient = errorType === 'TRANSIENT' || errorType === 'THROTTLING';
      if (!isTransient || isAnswer(error, last.getRetryCount())) throw new Error('not to be sent again');
      const since = startedMs.get(last) ?? performance.now();
      const leftMs = since + forMs - performance.now();
      if (leftMs <= 0) throw new Error(`sent again for ${forMs} ms`);
      const retries = last.getRetryCount() + 1;
      return token(retries, Math.min(leftMs, pauseBefore(retries)), since);
    },
    recordSuccess: () => undefined,
  };
}

/** What a request is refused with that was signed by a clock that is off. */
const OF_THE_CLOCK =
  /^(?:RequestTimeTooSkewed|RequestExpired|RequestInTheFuture|SignatureDoesNotMatch|InvalidSignatureException|AuthFailure)$/;

/**
 * Whether a refusal is AWS's last word. On a machine whose clock is four minutes off and more, the SDK calls every refusal
 * transient, also that an object is not there, for it sets its own clock right with each answer (measured on 3.1169,
 * `clockSkewCorrected`). What that can cure is sent once more.
 */
function isAnswer(error: unknown, retries: number): boolean {
  if (!(error instanceof Error) || !('$metadata' in error)) return false;
  const { clockSkewCorrected, httpStatusCode } = error.$metadata as {
    readonly clockSkewCorrected?: boolean;
    readonly httpStatusCode?: number;
  };
  const isRefusal =
    clockSkewCorrected === true && httpStatusCode !== undefined && REFUSALS.has(httpStatusCode);
  return isRefusal && (retries > 0 || !OF_THE_CLOCK.test(error.name));
}

/** Statuses that say nothing about the moment, as 429 and 503 do. */
const REFUSALS = new Set([400, 401, 403, 404, 409, 412]);

/** @param retry from 1. */
function pauseBefore(retry: number): number {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (retry - 1));
  return longest * (0.5 + Math.random() / 2);
}
