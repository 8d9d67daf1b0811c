/** The bucket of `store`: what it is called, what the worker may touch in it, and how long what is kept. */

import type { HitlessConfig } from '../../lib/model/fleet.ts';
import { slotTableKey } from '../../lib/store/keys.ts';
import { NotDeployable } from './not-deployable.ts';
import type { Parameters } from './parameters.ts';

/** For an object that was overwritten by mistake. */
const FORMER_VERSIONS_DAYS = 30;

/** @throws NotDeployable for a store that is no bucket. */
export function bucketOf({ store, fleets }: HitlessConfig, parameters: Parameters) {
  if (store.scheme !== 's3')
    throw new NotDeployable('store: must be s3://BUCKET/PREFIX for a deployment to AWS');
  const start = store.prefix === '' ? '' : `${store.prefix}/`;
  const folders = fleets.map(({ name }) => `${start}${slotTableKey(name).replace(/slots\.json$/, '')}`);
  const arn = `arn:\${AWS::Partition}:s3:::${store.bucket}`;
  return {
    /** Where one is there already, it is used as it is. */
    resources: parameters.bucket === 'create' ? `\${file(infra/aws/bucket.yml)}` : {},
    name: store.bucket,
    arn: { 'Fn::Sub': arn },
    /** To put a key behind. */
    start: `${arn}/${start}`,
    objects: folders.map((folder) => ({ 'Fn::Sub': `${arn}/${folder}*` })),
    prefixes: folders.map((folder) => `${folder}*`),
    lifecycle: [
      ...folders.map((folder, index) => ({
        Id: `generations-${index + 1}`,
        Status: 'Enabled',
        Prefix: `${folder}generations/`,
        ExpirationInDays: parameters.generationsKeptDays,
      })),
      {
        Id: 'former-versions',
        Status: 'Enabled',
        NoncurrentVersionExpiration: { NoncurrentDays: FORMER_VERSIONS_DAYS },
        ExpiredObjectDeleteMarker: true,
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
      },
    ],
  };
}
