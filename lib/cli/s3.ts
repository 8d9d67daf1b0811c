/** The store on S3, for the commands. Loaded when hitless.yml names one, and only then. */

import type { ObjectStore } from '../store/object-store.ts';
import { createS3Client } from '../store/s3-client.ts';
import { createS3Store, type S3Location } from '../store/s3-store.ts';

/** @param endpoint of a local S3; undefined: AWS's. */
export function openS3Store(location: S3Location, endpoint: string | undefined): ObjectStore {
  return createS3Store(createS3Client({ endpoint }), location);
}
