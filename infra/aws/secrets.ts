/** Where the functions find their secrets: names of SSM parameters, and who may read which. Never a value. */

import type { HitlessConfig } from '../../lib/model/fleet.ts';
import type { Parameters } from './parameters.ts';

/** As functions/secrets.ts asks for them. */
const TLS_PARTS = ['ca', 'cert', 'key'] as const;

export function secretsOf(stage: string, { fleets }: HitlessConfig, parameters: Parameters) {
  const webhookTokens = parameters.webhookTokens ?? `/hitless/${stage}/webhook-tokens`;
  const needsTls = fleets.some(
    ({ instances, instancesFrom }) =>
      instancesFrom?.scheme === 'tls' || instances.some(({ address }) => address.scheme === 'tls'),
  );
  const tls = parameters.tls ?? (needsTls ? `/hitless/${stage}/tls` : undefined);
  const { consulToken } = parameters;
  const ofWorker = [
    ...(consulToken === undefined ? [] : [consulToken]),
    ...(tls === undefined ? [] : TLS_PARTS.map((part) => `${tls}/${part}`)),
  ];
  return {
    webhook: [arnOf(webhookTokens)],
    environment: {
      webhook: { HITLESS_WEBHOOK_TOKENS_PARAMETER: webhookTokens },
      worker: {
        ...(consulToken !== undefined && { HITLESS_CONSUL_TOKEN_PARAMETER: consulToken }),
        ...(tls !== undefined && { HITLESS_TLS_PARAMETERS: tls }),
      },
    },
    resources: ofWorker.length === 0 ? {} : { WorkerSecrets: readingOf(ofWorker.map(arnOf)) },
  };
}

/** A policy of its own, since a statement must name something. As for the webhook, aws/ssm needs no right. */
function readingOf(parameters: readonly object[]) {
  return {
    Type: 'AWS::IAM::Policy',
    Properties: {
      PolicyName: 'secrets',
      Roles: [{ Ref: 'WorkerRole' }],
      PolicyDocument: {
        Version: '2012-10-17',
        Statement: [{ Sid: 'Secrets', Effect: 'Allow', Action: 'ssm:GetParameters', Resource: parameters }],
      },
    },
  };
}

function arnOf(name: string) {
  return { 'Fn::Sub': `arn:\${AWS::Partition}:ssm:\${AWS::Region}:\${AWS::AccountId}:parameter${name}` };
}
