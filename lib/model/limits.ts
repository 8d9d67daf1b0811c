/**
 * How much is taken of what others send: every bound in this one place. What exceeds one is refused with a sentence
 * that names it, or is cut where it is only shown; it costs nothing else its turn.
 *
 * Who writes to us: Consul and whoever registers there, load balancers, watches, whoever may write to the store, and
 * the files that hitless.yml names. (hitless-pull has its own bounds, in the same sizes.)
 */

const KIB = 1024;
const MIB = 1024 * KIB;

/** Characters of what somebody else calls something, where it is shown or stored: a version, a refusal, a line. */
export const LONGEST_SHOWN = { version: 60, reply: 300, line: 200, address: 100 } as const;

/** Of what Consul has and nobody will serve, so many are named; the others are counted. */
export const MOST_REFUSED = 20;

/** Those that are named of `refused`, and how many more there are where there are more. */
export function firstRefused<T>(refused: readonly T[]): {
  readonly refused: readonly T[];
  readonly refusedMore?: number;
} {
  const more = refused.length - MOST_REFUSED;
  return more <= 0 ? { refused } : { refused: refused.slice(0, MOST_REFUSED), refusedMore: more };
}

/**
 * Consul's answer about one service, where the fleet's `consul_answer` does not say otherwise: 19,000 registrations with
 * one check (1.7 KB each, measured on 1.8.7); HAProxy's round robin serves 4,095.
 */
export const LARGEST_ANSWER_BYTES = 32 * MIB;

/**
 * The same in the body of a watch. On standard input: 39,000 registrations. At the webhook: 3,000; Lambda takes 6 MB, and
 * a larger one costs no more than a minute, for the reconcile reads Consul itself.
 */
export const LARGEST_WATCH_BODY_BYTES = { input: 64 * MIB, webhook: 5 * MIB } as const;

/** A message with more endpoints goes without them: it is read and billed in steps of 64 KiB. SQS itself takes 1 MiB. */
export const LARGEST_MESSAGE_BYTES = 256 * KIB;

/** A fleet that publishes ten tables a second comes to it in 3,000 years; behind it numbers stop being exact. */
export const MOST_GENERATIONS = 1_000_000_000_000;

/** What `consul_answer` can be: below, a service of a few servers would not fit; above, no worker's memory holds it. */
export const ANSWER_BYTES = { least: 64 * KIB, most: 256 * MIB } as const;

/**
 * Characters of a reply of the Runtime API. `table`: `show stat` of 5,000 servers is 1.6 MB. `message`: a refusal with
 * all of HAProxy's help text is 25 kB, `show info` is 4 kB.
 */
export const LONGEST_REPLY = { table: 16 * MIB, message: 256 * KIB } as const;

/** Files that an operator names: hitless.yml, a template, a certificate. */
export const LARGEST_FILE_BYTES = { config: 4 * MIB, template: 4 * MIB, pem: MIB } as const;

/** Values of hitless.yml once its anchors are put in: what a few lines of nested merge keys can be made of. */
export const MOST_CONFIG_VALUES = 500_000;

/** An object of the store: the slot table of 1,000 backends of 1,000 slots is 100 MB, and no worker's memory holds it. */
export const LARGEST_OBJECT_BYTES = 128 * MIB;

/** As hitless.yml has sizes: `32MiB`, `64KiB`, else in bytes. */
export function sizeText(bytes: number): string {
  if (bytes % MIB === 0) return `${bytes / MIB}MiB`;
  return bytes % KIB === 0 ? `${bytes / KIB}KiB` : `${bytes} bytes`;
}
