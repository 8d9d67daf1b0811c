/** Where messages and objects are. */

import { describe, expect, test } from 'vitest';
import type { Template } from '../packaged.ts';
import { ofType, properties, statementsOf } from '../template-parts.ts';

const arnOf = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });

export function storesHold(template: () => Template): void {
  describe('the queues', () => {
    test('are FIFO, encrypted, take 1 MiB and leave it to the sender what a repetition is', () => {
      const queues = ofType(template(), 'AWS::SQS::Queue');
      expect(queues.map(([, { Properties }]) => Properties.QueueName)).toEqual([
        'hitless-test.fifo',
        'hitless-test-dead.fifo',
      ]);
      for (const [, { Properties }] of queues) {
        expect(Properties).toMatchObject({
          FifoQueue: true,
          ContentBasedDeduplication: false,
          DeduplicationScope: 'messageGroup',
          FifoThroughputLimit: 'perMessageGroupId',
          MaximumMessageSize: 1024 * 1024,
          SqsManagedSseEnabled: true,
        });
      }
    });

    test('hide a message for six times as long as the worker may take', () => {
      const timeout = Number(properties(template(), 'WorkerLambdaFunction').Timeout);
      expect(Number(properties(template(), 'Queue').VisibilityTimeout)).toBeGreaterThanOrEqual(6 * timeout);
    });

    test('put a message aside when it was received a hundred times, for two weeks', () => {
      expect(properties(template(), 'Queue').RedrivePolicy).toEqual({
        deadLetterTargetArn: arnOf('DeadLetterQueue'),
        maxReceiveCount: 100,
      });
      const dead = properties(template(), 'DeadLetterQueue');
      expect(dead.MessageRetentionPeriod).toBe(14 * 24 * 3600);
      expect(dead.RedriveAllowPolicy).toMatchObject({ redrivePermission: 'byQueue' });
      expect(JSON.stringify(dead.RedriveAllowPolicy)).toContain(':hitless-test.fifo"');
    });
  });

  describe('the bucket', () => {
    test('is versioned, encrypted, closed to the public, and stays when the stack goes, but not when it never came to be', () => {
      const { DeletionPolicy, UpdateReplacePolicy, Properties } = template().Resources.Bucket ?? {};
      expect({ DeletionPolicy, UpdateReplacePolicy }).toEqual({
        DeletionPolicy: 'RetainExceptOnCreate',
        UpdateReplacePolicy: 'Retain',
      });
      expect(Properties).toMatchObject({
        BucketName: 'example-hitless-store',
        VersioningConfiguration: { Status: 'Enabled' },
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
      });
      expect(template().Resources.BucketPolicy?.DeletionPolicy).toBe('RetainExceptOnCreate');
    });

    test('takes nothing that does not come over TLS 1.2 or newer', () => {
      const wholeBucket = [arnOf('Bucket'), { 'Fn::Sub': '$' + '{Bucket.Arn}/*' }];
      const everything = { Effect: 'Deny', Principal: '*', Action: 's3:*', Resource: wholeBucket };
      expect(statementsOf(template(), 'BucketPolicy')).toEqual([
        { Sid: 'TlsOnly', ...everything, Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
        { Sid: 'Tls12OrNewer', ...everything, Condition: { NumericLessThan: { 's3:TlsVersion': '1.2' } } },
      ]);
    });

    test('forgets generations after 90 days and former versions after 30, and nothing that is in use', () => {
      expect(properties(template(), 'Bucket').LifecycleConfiguration).toEqual({
        Rules: [
          {
            Id: 'generations-1',
            Status: 'Enabled',
            Prefix: 'fleets/edge/generations/',
            ExpirationInDays: 90,
          },
          {
            Id: 'former-versions',
            Status: 'Enabled',
            NoncurrentVersionExpiration: { NoncurrentDays: 30 },
            ExpiredObjectDeleteMarker: true,
            AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
          },
        ],
      });
    });
  });
}
