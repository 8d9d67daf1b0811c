/** The functions, what calls them and what they are told. */

import { describe, expect, test } from 'vitest';
import type { Template } from '../packaged.ts';
import { ofType, properties } from '../template-parts.ts';

const arnOf = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });

export function functionsHold(template: () => Template): void {
  describe('the functions', () => {
    const functions = { webhook: [256, 10], worker: [512, 30], reconcile: [256, 30] } as const;

    test.each(Object.entries(functions))('%s: Node.js 24 on arm64, its own role and log', (name, [
      memory,
      timeout,
    ]) => {
      const id = name.charAt(0).toUpperCase() + name.slice(1);
      expect(properties(template(), `${id}LambdaFunction`)).toMatchObject({
        FunctionName: `hitless-test-${name}`,
        Handler: `functions/${name}.handler`,
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        MemorySize: memory,
        Timeout: timeout,
        Role: arnOf(`${id}Role`),
      });
      expect(properties(template(), `${id}LogGroup`)).toEqual({
        LogGroupName: `/aws/lambda/hitless-test-${name}`,
        RetentionInDays: 30,
      });
    });

    test('none is traced', () => {
      expect(JSON.stringify(template())).not.toMatch(/TracingConfig|xray/i);
    });

    test('only the worker is in the VPC', () => {
      const inVpc = ofType(template(), 'AWS::Lambda::Function').filter(
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
      const variables = (id: string) => properties(template(), id).Environment;
      expect(variables('ReconcileLambdaFunction')).toEqual({ Variables: common });
      expect(variables('WebhookLambdaFunction')).toEqual({
        Variables: { ...common, HITLESS_WEBHOOK_TOKENS_PARAMETER: '/hitless/test/webhook-tokens' },
      });
      expect(variables('WorkerLambdaFunction')).toEqual({
        Variables: {
          ...common,
          HITLESS_TLS_PARAMETERS: '/hitless/test/tls',
          HITLESS_CONFIG_WRITTEN_AT: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        },
      });
    });

    test('the worker never gets more batches at once than it has concurrency for, and names what failed', () => {
      const source = properties(template(), 'WorkerEventSourceMappingSQSQueue');
      expect(source).toMatchObject({
        EventSourceArn: arnOf('Queue'),
        FunctionName: arnOf('WorkerLambdaFunction'),
        BatchSize: 10,
        FunctionResponseTypes: ['ReportBatchItemFailures'],
        ScalingConfig: { MaximumConcurrency: 10 },
      });
      // A FIFO queue has none.
      expect(source.MaximumBatchingWindowInSeconds).toBeUndefined();
      const reserved = Number(properties(template(), 'WorkerLambdaFunction').ReservedConcurrentExecutions);
      expect(reserved).toBeGreaterThanOrEqual(10);
      expect(properties(template(), 'WebhookLambdaFunction').ReservedConcurrentExecutions).toBe(10);
    });

    test('reconcile runs every minute', () => {
      expect(ofType(template(), 'AWS::Events::Rule').map(([, { Properties }]) => Properties)).toMatchObject([
        {
          ScheduleExpression: 'rate(1 minute)',
          State: 'ENABLED',
          Targets: [{ Arn: arnOf('ReconcileLambdaFunction') }],
        },
      ]);
    });

    test('the webhook is one route of an HTTP API that throttles', () => {
      const routes = ofType(template(), 'AWS::ApiGatewayV2::Route').map(
        ([, { Properties }]) => Properties.RouteKey,
      );
      expect(routes).toEqual(['POST /watch/{service}']);
      expect(properties(template(), 'HttpApiStage')).toMatchObject({
        DefaultRouteSettings: { ThrottlingRateLimit: 100, ThrottlingBurstLimit: 100 },
      });
      expect(ofType(template(), 'AWS::ApiGateway::RestApi')).toEqual([]);
    });
  });
}
