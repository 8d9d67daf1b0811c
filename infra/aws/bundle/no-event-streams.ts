/**
 * Stands in for `@smithy/core/event-streams` in the bundles: of S3 only `SelectObjectContent` answers with such a
 * stream, and nothing of SQS or SSM. Every S3 client asks for these two when it is made.
 */

export const eventStreamSerdeProvider = () => undefined;

export function resolveEventStreamSerdeConfig<Config>(config: Config): Config {
  return config;
}
