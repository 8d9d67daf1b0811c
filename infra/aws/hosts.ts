/** What the hosts of a fleet may read: a managed policy for each fleet, to attach to the role of its instances. */

import type { Fleet } from '../../lib/model/fleet.ts';
import { configurationKey, currentConfigurationKey } from '../../lib/store/keys.ts';
import { logicalId } from './logical-id.ts';

/**
 * The two objects that hitless-pull asks for, and nothing of another fleet. Without s3:ListBucket S3 says 403 for what
 * is not published yet, which hitless-pull reports.
 *
 * @param start the ARN up to the keys of the store.
 */
export function hostPolicies(fleets: readonly Fleet[], start: string) {
  const withFile = fleets.filter(({ template }) => template !== null);
  const resources = withFile.map(({ name }) => [
    `HostPolicy${logicalId(name)}`,
    {
      Type: 'AWS::IAM::ManagedPolicy',
      Properties: {
        Description: `What hitless-pull reads on the hosts of the fleet ${name}`,
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: [
            {
              Sid: 'PublishedConfiguration',
              Effect: 'Allow',
              Action: 's3:GetObject',
              Resource: [configurationKey(name), currentConfigurationKey(name)].map((key) => ({
                'Fn::Sub': `${start}${key}`,
              })),
            },
          ],
        },
      },
    },
  ]);
  const outputs = withFile.map(({ name }) => [
    `HostPolicy${logicalId(name)}`,
    { Description: `For the role of the hosts of ${name}`, Value: { Ref: `HostPolicy${logicalId(name)}` } },
  ]);
  return { resources: Object.fromEntries(resources), outputs: Object.fromEntries(outputs) };
}
