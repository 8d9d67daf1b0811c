/** The client of Amazon SQS that messages are sent and given back with. */

import { SQSClient } from '@aws-sdk/client-sqs';
import { withPatience } from '../aws/patience.ts';

/** Three to five seconds in all: a Consul watch waits for the webhook no longer than ten. */
const PATIENCE = { connectMs: 1_000, silenceMs: 2_000, retryMs: 3_000 } as const;

/** Rights, region and endpoint are the SDK's own to find. */
export function createSqsClient(): SQSClient {
  return new SQSClient(withPatience(PATIENCE));
}
