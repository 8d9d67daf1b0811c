/** How long generations are kept: on S3 by the bucket's lifecycle (infra/aws/bucket.ts), in a directory by its passes. */

/** On S3 `generationsKeptDays` of parameters.yml, where it says otherwise. */
export const GENERATIONS_KEPT_DAYS = 90;

/** In a directory so many at most: S3 does not count, and a disk is smaller than S3. */
export const GENERATIONS_KEPT = 1_000;
