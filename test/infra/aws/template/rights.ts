/** Who may do what. */

import { describe, expect, test } from 'vitest';
import type { Template } from '../packaged.ts';
import { listOf, ofType, properties, statements, statementsOf } from '../template-parts.ts';

const arnOf = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const s3 = (path: string) => ({ 'Fn::Sub': `arn:\${AWS::Partition}:s3:::example-hitless-store${path}` });
const parameter = (name: string) => ({
  'Fn::Sub': `arn:\${AWS::Partition}:ssm:\${AWS::Region}:\${AWS::AccountId}:parameter/hitless/test/${name}`,
});
const ownLog = (name: string) => ({
  Sid: 'OwnLog',
  Effect: 'Allow',
  Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
  Resource: arnOf(`${name}LogGroup`),
});

export function rightsHold(template: () => Template): void {
  describe('what each role may do, and nothing besides', () => {
    test('the webhook writes its log, sends to the queue and reads its tokens', () => {
      expect(statementsOf(template(), 'WebhookRole')).toEqual([
        ownLog('Webhook'),
        { Sid: 'Queue', Effect: 'Allow', Action: 'sqs:SendMessage', Resource: arnOf('Queue') },
        {
          Sid: 'Secrets',
          Effect: 'Allow',
          Action: 'ssm:GetParameters',
          Resource: [parameter('webhook-tokens')],
        },
      ]);
    });

    test('reconcile writes its log and sends to the queue', () => {
      expect(statementsOf(template(), 'ReconcileRole')).toEqual([
        ownLog('Reconcile'),
        { Sid: 'Queue', Effect: 'Allow', Action: 'sqs:SendMessage', Resource: arnOf('Queue') },
      ]);
    });

    const networkInterfaces = [
      'ec2:CreateNetworkInterface',
      'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeSubnets',
      'ec2:DeleteNetworkInterface',
      'ec2:AssignPrivateIpAddresses',
      'ec2:UnassignPrivateIpAddresses',
    ];

    test('the worker works off the queue, and reads and writes the objects of its fleets', () => {
      expect(statementsOf(template(), 'WorkerRole')).toEqual([
        ownLog('Worker'),
        {
          Sid: 'Queue',
          Effect: 'Allow',
          Action: [
            'sqs:ReceiveMessage',
            'sqs:DeleteMessage',
            'sqs:ChangeMessageVisibility',
            'sqs:GetQueueAttributes',
            'sqs:SendMessage',
          ],
          Resource: arnOf('Queue'),
        },
        {
          Sid: 'Objects',
          Effect: 'Allow',
          Action: ['s3:GetObject', 's3:PutObject'],
          Resource: [s3('/fleets/edge/*')],
        },
        {
          Sid: 'MissingObjects',
          Effect: 'Allow',
          Action: 's3:ListBucket',
          Resource: s3(''),
          Condition: { StringLikeIfExists: { 's3:prefix': ['fleets/edge/*'] } },
        },
        { Sid: 'NetworkInterfaces', Effect: 'Allow', Action: networkInterfaces, Resource: '*' },
        {
          Sid: 'NotFromOurCode',
          Effect: 'Deny',
          Action: [...networkInterfaces, 'ec2:DetachNetworkInterface'],
          Resource: '*',
          Condition: {
            ArnEquals: {
              'lambda:SourceFunctionArn': {
                'Fn::Sub':
                  'arn:$' +
                  '{AWS::Partition}:lambda:$' +
                  '{AWS::Region}:$' +
                  '{AWS::AccountId}:function:hitless-test-worker',
              },
            },
          },
        },
      ]);
    });

    test('the worker reads the three parameters of its client certificate', () => {
      expect(statementsOf(template(), 'WorkerSecrets')).toEqual([
        {
          Sid: 'Secrets',
          Effect: 'Allow',
          Action: 'ssm:GetParameters',
          Resource: [parameter('tls/ca'), parameter('tls/cert'), parameter('tls/key')],
        },
      ]);
      expect(properties(template(), 'WorkerSecrets').Roles).toEqual([{ Ref: 'WorkerRole' }]);
    });

    test('a host reads what is published for its own fleet', () => {
      expect(statementsOf(template(), 'HostPolicyedge')).toEqual([
        {
          Sid: 'PublishedConfiguration',
          Effect: 'Allow',
          Action: 's3:GetObject',
          Resource: [s3('/fleets/edge/haproxy.cfg'), s3('/fleets/edge/current.json')],
        },
      ]);
      expect(template().Outputs.HostPolicyedge).toMatchObject({ Value: { Ref: 'HostPolicyedge' } });
    });

    test('only Lambda takes the roles, and no policy of AWS is attached to them', () => {
      const roles = ofType(template(), 'AWS::IAM::Role');
      expect(roles.map(([id]) => id)).toEqual(['WebhookRole', 'ReconcileRole', 'WorkerRole']);
      for (const [, { Properties }] of roles) {
        expect(Properties.ManagedPolicyArns).toEqual([]);
        expect(Properties.AssumeRolePolicyDocument).toMatchObject({
          Statement: [
            { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
          ],
        });
      }
    });
  });

  describe('no statement allows more than it names', () => {
    const allowed = () => statements(template()).filter(({ statement }) => statement.Effect === 'Allow');

    test('no action has a *', () => {
      expect(allowed().length).toBeGreaterThan(10);
      const wide = allowed().filter(({ statement }) => JSON.stringify(statement.Action).includes('*'));
      expect(wide).toEqual([]);
    });

    test('no resource is *, but for the network interfaces that Lambda makes', () => {
      const wide = allowed().filter(({ statement }) => listOf(statement.Resource).includes('*'));
      expect(wide.map(({ id, statement }) => [id, statement.Sid])).toEqual([
        ['WorkerRole', 'NetworkInterfaces'],
      ]);
    });

    test('a * in a resource stands only for the objects of one fleet', () => {
      const named = allowed().flatMap(({ statement }) =>
        listOf(statement.Resource).map((one) => JSON.stringify(one)),
      );
      const partly = named.filter((resource) => resource !== '"*"' && resource?.includes('*'));
      expect(partly).toEqual([JSON.stringify(s3('/fleets/edge/*'))]);
    });

    test('everybody is named only to be denied what does not come over TLS', () => {
      const everybody = statements(template()).filter(({ statement }) => statement.Principal === '*');
      expect(everybody.map(({ id, statement }) => [id, statement.Effect])).toEqual([
        ['ServerlessDeploymentBucketPolicy', 'Deny'],
        ['QueuePolicy', 'Deny'],
        ['BucketPolicy', 'Deny'],
        ['BucketPolicy', 'Deny'],
      ]);
    });
  });
}
