/** The client of Amazon S3 that the store is opened with. */

import { S3Client } from '@aws-sdk/client-s3';
import { withPatience } from '../aws/patience.ts';

/**
 * A reply that never comes costs two seconds, and S3 out of reach is given up after five to seven: a pass that cannot
 * read its table is better begun anew. A connection may be waited for longer, for many requests share fifty of them.
 */
const PATIENCE = { connectMs: 3_000, silenceMs: 2_000, retryMs: 5_000 } as const;

/**
 * Rights and region are the SDK's own to find.
 *
 * @param endpoint of an S3 that is not AWS's, which is reached by one host name: the bucket has to stand in the path.
 *   Whether there is one; the SDK itself reads which.
 */
export function createS3Client({ endpoint }: { readonly endpoint: string | undefined }): S3Client {
  return new S3Client({ ...withPatience(PATIENCE), forcePathStyle: endpoint !== undefined });
}
