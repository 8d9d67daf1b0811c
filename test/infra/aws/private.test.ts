import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Packaged, packaged } from './packaged.ts';
import { listOf, ofType, properties, statements, statementsOf } from './template-parts.ts';

const HITLESS = `
consul: { address: https://consul.internal:8501 }
store: s3://shared-bucket/hitless/one
fleets:
  edge-1:
    instances: { lb1: tcp://10.0.0.1:9999 }
    backends: { be_a: { service: a, spare: 0 } }
  edge_1:
    instances: { lb2: tls://10.0.0.2:9443 }
    template: sub/inner.cfg.j2
    backends: { be_b: { service: b, spare: 2 } }
`;

const PARAMETERS = `
region: eu-west-1
subnets: [subnet-0a]
securityGroup: sg-0a
api: private
apiVpcEndpoint: vpce-0a
webhookTokens: /elsewhere/tokens
consulToken: /elsewhere/consul
bucket: existing
alarmTopic: arn:aws:sns:eu-west-1:123456789012:on-call
workers: 20
tracing: true
`;

let stack: Packaged;
beforeAll(async () => {
  const files = { 'sub/inner.cfg.j2': '{{ backends_be_b }}\n' };
  stack = await packaged({ hitless: HITLESS, parameters: PARAMETERS, files });
}, 180_000);
afterAll(() => stack.remove());

test('a private API answers only what comes through the VPC endpoint', () => {
  const { template } = stack;
  expect(properties(template, 'ApiGatewayRestApi')).toMatchObject({
    EndpointConfiguration: { Types: ['PRIVATE'], VpcEndpointIds: ['vpce-0a'] },
  });
  expect(statementsOf(template, 'ApiGatewayRestApi')).toEqual([
    {
      Sid: 'ThroughTheEndpoint',
      Effect: 'Allow',
      Principal: '*',
      Action: ['execute-api:Invoke'],
      Resource: 'execute-api:/test/POST/watch/*',
      Condition: { StringEquals: { 'aws:SourceVpce': 'vpce-0a' } },
    },
  ]);
  expect(ofType(template, 'AWS::ApiGatewayV2::Api')).toEqual([]);
  expect(properties(template, 'AlarmWebhookFails5xx')).toMatchObject({
    MetricName: '5XXError',
    Dimensions: [
      { Name: 'ApiName', Value: String(properties(template, 'ApiGatewayRestApi').Name) },
      { Name: 'Stage', Value: 'test' },
    ],
  });
});

test('an existing bucket is neither created nor changed', () => {
  const ofS3 = ['AWS::S3::Bucket', 'AWS::S3::BucketPolicy'].flatMap((type) => ofType(stack.template, type));
  expect(ofS3.map(([id]) => id)).toEqual(['ServerlessDeploymentBucket', 'ServerlessDeploymentBucketPolicy']);
});

test('below a prefix and with several fleets, the worker and each host may touch their own', () => {
  const { template } = stack;
  const named = (id: string, sid: string) =>
    listOf(statementsOf(template, id).find(({ Sid }) => Sid === sid)?.Resource).map((one) =>
      JSON.stringify(one).replace(/^.*s3:::(.*)"\}$/, '$1'),
    );
  expect(named('WorkerRole', 'Objects')).toEqual([
    'shared-bucket/hitless/one/fleets/edge-1/*',
    'shared-bucket/hitless/one/fleets/edge_1/*',
  ]);
  const policies = ofType(template, 'AWS::IAM::ManagedPolicy').map(([id]) => id);
  expect(policies).toHaveLength(2);
  expect(named(policies[1] ?? '', 'PublishedConfiguration')).toEqual([
    'shared-bucket/hitless/one/fleets/edge_1/haproxy.cfg',
    'shared-bucket/hitless/one/fleets/edge_1/current.json',
  ]);
  // Nothing is rendered for this one: its HAProxies may start from their state files.
  expect(named(policies[0] ?? '', 'StateFiles')).toEqual([
    'shared-bucket/hitless/one/fleets/edge-1/instances/*/servers.state',
  ]);
});

test("fleets whose names differ in a hyphen have alarms of their own, with the fleet's own limits", () => {
  const free = Object.values(stack.template.Resources).filter(
    ({ Properties }) => Properties.MetricName === 'SlotsFree',
  );
  expect(free.map(({ Properties }) => [Properties.AlarmName, Properties.Threshold])).toEqual([
    ['hitless-test-edge-1-slots-nearly-used-up', 1],
    ['hitless-test-edge_1-slots-nearly-used-up', 2],
  ]);
});

test('alarms go to the topic', () => {
  for (const [, { Properties }] of ofType(stack.template, 'AWS::CloudWatch::Alarm')) {
    expect(Properties.AlarmActions).toEqual(['arn:aws:sns:eu-west-1:123456789012:on-call']);
  }
});

test('the functions may read the parameters that parameters.yml names, each its own', () => {
  const read = statements(stack.template)
    .filter(({ statement }) => statement.Sid === 'Secrets')
    .map(({ id, statement }) => [
      id,
      ...listOf(statement.Resource).map((one) => JSON.stringify(one).replace(/^.*:parameter(.*)"\}$/, '$1')),
    ]);
  expect(read).toEqual([
    ['WebhookRole', '/elsewhere/tokens'],
    [
      'WorkerSecrets',
      '/elsewhere/consul',
      '/hitless/test/tls/ca',
      '/hitless/test/tls/cert',
      '/hitless/test/tls/key',
    ],
  ]);
});

test('tracing is switched on for all functions at once', () => {
  for (const [, { Properties }] of ofType(stack.template, 'AWS::Lambda::Function')) {
    expect(Properties.TracingConfig).toEqual({ Mode: 'Active' });
  }
  for (const [, { Properties }] of ofType(stack.template, 'AWS::IAM::Role')) {
    expect(JSON.stringify(Properties.ManagedPolicyArns)).toContain('policy/AWSXRayDaemonWriteAccess');
  }
});

test('concurrency follows the parameter, in the event source as in what is reserved', () => {
  const source = properties(stack.template, 'WorkerEventSourceMappingSQSQueue');
  expect(source.ScalingConfig).toEqual({ MaximumConcurrency: 20 });
  expect(properties(stack.template, 'WorkerLambdaFunction').ReservedConcurrentExecutions).toBe(20);
});
