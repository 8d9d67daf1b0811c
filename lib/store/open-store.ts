/** The store that an operator named in hitless.yml. */

import type { S3Client } from '@aws-sdk/client-s3';
import type { StoreAddress } from '../model/fleet.ts';
import { createDirectoryStore } from './directory-store.ts';
import type { ObjectStore } from './object-store.ts';
import { createS3Store } from './s3-store.ts';

/** @param makeS3Client is called for a store on S3 only, so that one machine needs no AWS settings. */
export function openStore(address: StoreAddress, makeS3Client: () => S3Client): ObjectStore {
  return address.scheme === 'file'
    ? createDirectoryStore(address.path)
    : createS3Store(makeS3Client(), address);
}
