/** The store on S3, for the commands. Loaded when hitless.yml names one, and only then. */

import { S3Client } from '@aws-sdk/client-s3';
import type { ObjectStore } from '../store/object-store.ts';
import { createS3Store, type S3Location } from '../store/s3-store.ts';

/** @param endpoint of a local S3, which is reached by one host name, so that the bucket has to stand in the path. */
export function openS3Store(location: S3Location, endpoint: string | undefined): ObjectStore {
  return createS3Store(new S3Client({ forcePathStyle: endpoint !== undefined }), location);
}
