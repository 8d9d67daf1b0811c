import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Packaged, packaged, type Template } from './packaged.ts';
import { listOf, ofType, properties, statements, statementsOf } from './template-parts.ts';

let stack: Packaged;
let template: Template;
beforeAll(async () => {
  stack = await packaged();
  template = stack.template;
}, 180_000);
afterAll(() => stack.remove());

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

describe('what each role may do, and nothing besides', () => {
  test('the webhook writes its log, sends to the queue and reads its tokens', () => {
    expect(statementsOf(template, 'WebhookRole')).toEqual([
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
    expect(statementsOf(template, 'ReconcileRole')).toEqual([
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
    expect(statementsOf(template, 'WorkerRole')).toEqual([
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
    expect(statementsOf(template, 'WorkerSecrets')).toEqual([
      {
        Sid: 'Secrets',
        Effect: 'Allow',
        Action: 'ssm:GetParameters',
        Resource: [parameter('tls/ca'), parameter('tls/cert'), parameter('tls/key')],
      },
    ]);
    expect(properties(template, 'WorkerSecrets').Roles).toEqual([{ Ref: 'WorkerRole' }]);
  });

  test('a host reads what is published for its own fleet', () => {
    expect(statementsOf(template, 'HostPolicyedge')).toEqual([
      {
        Sid: 'PublishedConfiguration',
        Effect: 'Allow',
        Action: 's3:GetObject',
        Resource: [s3('/fleets/edge/haproxy.cfg'), s3('/fleets/edge/current.json')],
      },
    ]);
    expect(template.Outputs.HostPolicyedge).toMatchObject({ Value: { Ref: 'HostPolicyedge' } });
  });

  test('only Lambda takes the roles, and no policy of AWS is attached to them', () => {
    const roles = ofType(template, 'AWS::IAM::Role');
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
  const allowed = () => statements(template).filter(({ statement }) => statement.Effect === 'Allow');

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
    const everybody = statements(template).filter(({ statement }) => statement.Principal === '*');
    expect(everybody.map(({ id, statement }) => [id, statement.Effect])).toEqual([
      ['ServerlessDeploymentBucketPolicy', 'Deny'],
      ['QueuePolicy', 'Deny'],
      ['BucketPolicy', 'Deny'],
      ['BucketPolicy', 'Deny'],
    ]);
  });
});

describe('the functions', () => {
  const functions = { webhook: [256, 10], worker: [512, 30], reconcile: [256, 30] } as const;

  test.each(Object.entries(functions))('%s: Node.js 24 on arm64, its own role and log', (name, [
    memory,
    timeout,
  ]) => {
    const id = name.charAt(0).toUpperCase() + name.slice(1);
    expect(properties(template, `${id}LambdaFunction`)).toMatchObject({
      FunctionName: `hitless-test-${name}`,
      Handler: `functions/${name}.handler`,
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      MemorySize: memory,
      Timeout: timeout,
      Role: arnOf(`${id}Role`),
    });
    expect(properties(template, `${id}LogGroup`)).toEqual({
      LogGroupName: `/aws/lambda/hitless-test-${name}`,
      RetentionInDays: 30,
    });
  });

  test('none is traced', () => {
    expect(JSON.stringify(template)).not.toMatch(/TracingConfig|xray/i);
  });

  test('only the worker is in the VPC', () => {
    const inVpc = ofType(template, 'AWS::Lambda::Function').filter(
      ([, { Properties }]) => Properties.VpcConfig,
    );
    expect(inVpc.map(([id, { Properties }]) => [id, Properties.VpcConfig])).toEqual([
      [
        'WorkerLambdaFunction',
        {
          SecurityGroupIds: ['sg-00000000000000001'],
          SubnetIds: ['subnet-00000000000000001', 'subnet-00000000000000002'],
        },
      ],
    ]);
  });

  test('their environment has names, and no secret', () => {
    const common = {
      NODE_OPTIONS: '--enable-source-maps',
      POWERTOOLS_LOG_LEVEL: 'INFO',
      HITLESS_METRICS_NAMESPACE: 'Hitless/test',
      HITLESS_QUEUE_URL: { Ref: 'Queue' },
    };
    const variables = (id: string) => properties(template, id).Environment;
    expect(variables('ReconcileLambdaFunction')).toEqual({ Variables: common });
    expect(variables('WebhookLambdaFunction')).toEqual({
      Variables: { ...common, HITLESS_WEBHOOK_TOKENS_PARAMETER: '/hitless/test/webhook-tokens' },
    });
    expect(variables('WorkerLambdaFunction')).toEqual({
      Variables: { ...common, HITLESS_TLS_PARAMETERS: '/hitless/test/tls' },
    });
  });

  test('the worker never gets more batches at once than it has concurrency for, and names what failed', () => {
    const source = properties(template, 'WorkerEventSourceMappingSQSQueue');
    expect(source).toMatchObject({
      EventSourceArn: arnOf('Queue'),
      FunctionName: arnOf('WorkerLambdaFunction'),
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 10 },
    });
    // A FIFO queue has none.
    expect(source.MaximumBatchingWindowInSeconds).toBeUndefined();
    const reserved = Number(properties(template, 'WorkerLambdaFunction').ReservedConcurrentExecutions);
    expect(reserved).toBeGreaterThanOrEqual(10);
    expect(properties(template, 'WebhookLambdaFunction').ReservedConcurrentExecutions).toBe(10);
  });

  test('reconcile runs every minute', () => {
    expect(ofType(template, 'AWS::Events::Rule').map(([, { Properties }]) => Properties)).toMatchObject([
      {
        ScheduleExpression: 'rate(1 minute)',
        State: 'ENABLED',
        Targets: [{ Arn: arnOf('ReconcileLambdaFunction') }],
      },
    ]);
  });

  test('the webhook is one route of an HTTP API that throttles', () => {
    const routes = ofType(template, 'AWS::ApiGatewayV2::Route').map(
      ([, { Properties }]) => Properties.RouteKey,
    );
    expect(routes).toEqual(['POST /watch/{service}']);
    expect(properties(template, 'HttpApiStage')).toMatchObject({
      DefaultRouteSettings: { ThrottlingRateLimit: 100, ThrottlingBurstLimit: 100 },
    });
    expect(ofType(template, 'AWS::ApiGateway::RestApi')).toEqual([]);
  });
});

describe('the queues', () => {
  test('are FIFO, encrypted, take 1 MiB and leave it to the sender what a repetition is', () => {
    const queues = ofType(template, 'AWS::SQS::Queue');
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
    const timeout = Number(properties(template, 'WorkerLambdaFunction').Timeout);
    expect(Number(properties(template, 'Queue').VisibilityTimeout)).toBeGreaterThanOrEqual(6 * timeout);
  });

  test('put a message aside when it was received five times, for two weeks', () => {
    expect(properties(template, 'Queue').RedrivePolicy).toEqual({
      deadLetterTargetArn: arnOf('DeadLetterQueue'),
      maxReceiveCount: 5,
    });
    const dead = properties(template, 'DeadLetterQueue');
    expect(dead.MessageRetentionPeriod).toBe(14 * 24 * 3600);
    expect(dead.RedriveAllowPolicy).toMatchObject({ redrivePermission: 'byQueue' });
    expect(JSON.stringify(dead.RedriveAllowPolicy)).toContain(':hitless-test.fifo"');
  });
});

describe('the bucket', () => {
  test('is versioned, encrypted, closed to the public, and stays when the stack goes', () => {
    const { DeletionPolicy, UpdateReplacePolicy, Properties } = template.Resources.Bucket ?? {};
    expect({ DeletionPolicy, UpdateReplacePolicy }).toEqual({
      DeletionPolicy: 'Retain',
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
    expect(template.Resources.BucketPolicy?.DeletionPolicy).toBe('Retain');
  });

  test('takes nothing that does not come over TLS 1.2 or newer', () => {
    const wholeBucket = [arnOf('Bucket'), { 'Fn::Sub': '$' + '{Bucket.Arn}/*' }];
    const everything = { Effect: 'Deny', Principal: '*', Action: 's3:*', Resource: wholeBucket };
    expect(statementsOf(template, 'BucketPolicy')).toEqual([
      { Sid: 'TlsOnly', ...everything, Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
      { Sid: 'Tls12OrNewer', ...everything, Condition: { NumericLessThan: { 's3:TlsVersion': '1.2' } } },
    ]);
  });

  test('forgets generations after 90 days and former versions after 30, and nothing that is in use', () => {
    expect(properties(template, 'Bucket').LifecycleConfiguration).toEqual({
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

describe('the alarms', () => {
  const runbook = readFileSync(new URL('../../../infra/aws/RUNBOOK.md', import.meta.url), 'utf8');
  const sections = [...runbook.matchAll(/^## (.+)$/gm)].map(([, title = '']) => title);
  const all = () => ofType(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties);

  test('are these', () => {
    const told = all().map(
      ({ AlarmName, MetricName, Statistic, ExtendedStatistic, ComparisonOperator, Threshold }) =>
        [AlarmName, MetricName, Statistic ?? ExtendedStatistic, ComparisonOperator, Threshold].join(' '),
    );
    expect(told).toEqual([
      'hitless-test-dead-letter-queue-not-empty ApproximateNumberOfMessagesVisible Maximum GreaterThanThreshold 0',
      'hitless-test-queue-stuck ApproximateAgeOfOldestMessage Maximum GreaterThanThreshold 300',
      'hitless-test-worker-fails Errors Sum GreaterThanOrEqualToThreshold 1',
      'hitless-test-messages-fail MessagesFailed Sum GreaterThanOrEqualToThreshold 1',
      'hitless-test-webhook-refuses-4xx WatchesRefused Sum GreaterThanOrEqualToThreshold 1',
      'hitless-test-webhook-fails-5xx 5xx Sum GreaterThanOrEqualToThreshold 1',
      'hitless-test-reconcile-missed ReconcilesRequested Sum LessThanThreshold 1',
      'hitless-test-edge-propagation-slow Propagation p99 GreaterThanThreshold 2000',
      'hitless-test-edge-instances-lagging InstancesLagging Maximum GreaterThanOrEqualToThreshold 1',
      'hitless-test-edge-changes-withheld ChangesWithheld Maximum GreaterThanOrEqualToThreshold 1',
      'hitless-test-edge-slots-nearly-used-up SlotsFree Minimum LessThanThreshold 4',
      'hitless-test-edge-consul-unreachable ConsulFailures Sum GreaterThanOrEqualToThreshold 1',
      'hitless-test-edge-fleet-not-visited PassDuration SampleCount LessThanThreshold 1',
    ]);
  });

  test('each says what to do and names its section of the runbook, and each section has an alarm', () => {
    const named = all().map(({ AlarmDescription }) => {
      const words = /^(?:Fleet edge: )?(.{40,}) RUNBOOK\.md: "(.+)"\.$/.exec(String(AlarmDescription));
      expect(words, String(AlarmDescription)).not.toBeNull();
      return words?.[2];
    });
    expect(sections).toEqual(named);
  });

  test('silence is a bad sign where something is to happen every minute, and only there', () => {
    const alarming = all().filter(({ TreatMissingData }) => TreatMissingData !== 'notBreaching');
    expect(alarming.map(({ MetricName, TreatMissingData }) => [MetricName, TreatMissingData])).toEqual([
      ['ReconcilesRequested', 'breaching'],
      ['PassDuration', 'breaching'],
    ]);
  });
});

test('the dashboard shows every metric of the functions', () => {
  const { DashboardName, DashboardBody } = properties(template, 'Dashboard');
  expect(DashboardName).toBe('hitless-test');
  const body = JSON.stringify(DashboardBody);
  const names = [
    ['InstancesConverged', 'InstancesLagging', 'Commands', 'PassDuration', 'Propagation', 'ConsulFailures'],
    ['ChangesWithheld', 'SlotsFree', 'WatchesReceived', 'WatchesRefused', 'WebhookErrors'],
    ['MessagesReceived', 'MessagesFailed', 'ReconcilesRequested'],
  ].flat();
  expect(names.filter((name) => !body.includes(`\\"${name}\\"`))).toEqual([]);
});
