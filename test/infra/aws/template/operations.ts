/** What an operator is told. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Template } from '../packaged.ts';
import { ofType, properties } from '../template-parts.ts';

export function operationsHold(template: () => Template): void {
  describe('the alarms', () => {
    const runbook = readFileSync(new URL('../../../../infra/aws/RUNBOOK.md', import.meta.url), 'utf8');
    const sections = [...runbook.matchAll(/^## (.+)$/gm)].map(([, title = '']) => title);
    const all = () => ofType(template(), 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties);

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
        'hitless-test-edge-configuration-not-published PublishFailures Sum GreaterThanOrEqualToThreshold 1',
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

  test('the dashboard is named after the stage', () => {
    expect(properties(template(), 'Dashboard').DashboardName).toBe('hitless-test');
  });
}
