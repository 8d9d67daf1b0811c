/** What the hosts of a fleet may read: a managed policy for each fleet, to attach to the role of its instances. */

import type { Fleet } from '../../lib/model/fleet.ts';
import { configurationKey, currentConfigurationKey, stateSnapshotKey } from '../../lib/store/keys.ts';
import { logicalId } from './logical-id.ts';

/**
 * What a host of that fleet starts from, and nothing of another fleet. Without s3:ListBucket S3 says 403 for what is not
 * there yet, which hitless-pull reports.
 *
 * @param start the ARN up to the keys of the store.
 */
export function hostPolicies(fleets: readonly Fleet[], start: string) {
  const resources = fleets.map((fleet) => [
    `HostPolicy${logicalId(fleet.name)}`,
    {
      Type: 'AWS::IAM::ManagedPolicy',
      Properties: {
        Description: `What the hosts of the fleet ${fleet.name} start from`,
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: [
            {
              Sid: fleet.template === null ? 'StateFiles' : 'PublishedConfiguration',
              Effect: 'Allow',
              Action: 's3:GetObject',
              Resource: keysOf(fleet).map((key) => ({ 'Fn::Sub': `${start}${key}` })),
            },
          ],
        },
      },
    },
  ]);
  const outputs = fleets.map(({ name }) => [
    `HostPolicy${logicalId(name)}`,
    { Description: `For the role of the hosts of ${name}`, Value: { Ref: `HostPolicy${logicalId(name)}` } },
  ]);
  return { resources: Object.fromEntries(resources), outputs: Object.fromEntries(outputs) };
}

/** The two objects that hitless-pull asks for; or, where HAProxy's configuration is not rendered, its state files. */
function keysOf({ name, template }: Fleet): string[] {
  if (template !== null) return [configurationKey(name), currentConfigurationKey(name)];
  // A policy has one list for all hosts, so it cannot say which of them is which instance.
  return [stateSnapshotKey(name, 'INSTANCE').replace('INSTANCE', '*')];
}
