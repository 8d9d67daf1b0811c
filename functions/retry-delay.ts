/** When messages come again whose work could not be done. */

const FIRST_S = 1;
/** Whatever was away: this long, one more attempt and nothing else after it is back, its messages are. */
const LONGEST_S = 8;

/**
 * Seconds: 1, then twice as many each time, and 8 at most; between the half and the whole of that by chance, so that
 * the shards that failed together do not come back together. A hiccup is over soon, and the end of an outage is noticed
 * soon. What is away for long is asked for no more than that costs: an invocation in some ten seconds for each group.
 *
 * @param times how often they were received, at least 1.
 */
export function retryDelay(times: number): number {
  const longest = Math.min(LONGEST_S, FIRST_S * 2 ** (times - 1));
  return Math.ceil(longest * (0.5 + Math.random() / 2));
}
