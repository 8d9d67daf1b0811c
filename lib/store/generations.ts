/** How long generations are kept: on S3 by the bucket's lifecycle (infra/aws/bucket.ts), in a directory by its passes. */

/** On S3 `generationsKeptDays` of parameters.yml, where it says otherwise. */
export const GENERATIONS_KEPT_DAYS = 90;
