/**
 * How an invocation divides its time. Lambda freezes a function at its answer, and what it has not sent by then is sent
 * during the next invocation, if ever: so work ends early enough for its messages to be given back, and both end before
 * the answer.
 */

/** Kept back from the function's timeout for metrics and the answer. */
const ANSWER_MS = 1_000;
/** Before that, for giving messages back: a request that is never answered, and one more. A short timeout has a quarter. */
const RETURN_MS = 4_000;

export interface InvocationTimes {
  /** Work that is not done is broken off. */
  readonly work: AbortSignal;
  /** Nothing is waited for any more. */
  readonly answer: AbortSignal;
}

/** @param remainingMs until Lambda ends the function. */
export function invocationTimes(remainingMs: number): InvocationTimes {
  const answerMs = Math.max(0, Math.floor(remainingMs - ANSWER_MS));
  const workMs = Math.floor(answerMs - Math.min(RETURN_MS, answerMs / 4));
  return { work: AbortSignal.timeout(workMs), answer: AbortSignal.timeout(answerMs) };
}

/** For what does not look at the signal by itself: it must not cost others their answer. */
export async function before<T>(end: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = () => reject(new Error("it was not done within the function's timeout"));
  if (end.aborted) late();
  else end.addEventListener('abort', late, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    end.removeEventListener('abort', late);
  }
}
