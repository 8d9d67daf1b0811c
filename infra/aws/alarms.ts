/** The alarms of a stage. RUNBOOK.md has a section for each, under the title that its description names. */

import type { Fleet } from '../../lib/model/fleet.ts';
import { logicalId } from './logical-id.ts';
import type { Metric, Metrics } from './metrics.ts';
import type { Parameters } from './parameters.ts';

interface Alarm {
  /** A section of RUNBOOK.md. */
  readonly title: string;
  /** What it means and what to do first, in one or two sentences. */
  readonly advice: string;
  readonly metric: Metric;
  readonly statistic: 'Sum' | 'Maximum' | 'Minimum' | 'SampleCount' | 'p99';
  readonly when: readonly ['>=' | '>' | '<', number];
  /** In how many of how many minutes. */
  readonly minutes: readonly [number, number];
  /** When there is no data at all; it is no bad sign otherwise. */
  readonly silenceIsBad?: true;
}

const OPERATORS = {
  '>=': 'GreaterThanOrEqualToThreshold',
  '>': 'GreaterThanThreshold',
  '<': 'LessThanThreshold',
} as const;

/** CloudFormation's resources, by logical id. */
export function alarms(name: string, metrics: Metrics, fleets: readonly Fleet[], parameters: Parameters) {
  const actions = parameters.alarmTopic === undefined ? [] : [parameters.alarmTopic];
  return Object.fromEntries([
    ...ofStack(name, metrics).map((alarm) => resource(alarm, name, '', actions)),
    ...fleets.flatMap((fleet) =>
      ofFleet(fleet, metrics, parameters).map((alarm) => resource(alarm, name, fleet.name, actions)),
    ),
  ]);
}

function ofStack(name: string, { ofFunction, lambda, queue, api }: Metrics): Alarm[] {
  return [
    {
      title: 'Dead-letter queue not empty',
      advice:
        'A message failed five times and was put aside. Read it and the log of the worker, end the cause, then drop it.',
      metric: queue(`${name}-dead.fifo`, 'ApproximateNumberOfMessagesVisible'),
      statistic: 'Maximum',
      when: ['>', 0],
      minutes: [1, 1],
    },
    {
      title: 'Queue stuck',
      advice:
        'A message has been waiting for five minutes. See whether the worker runs, is throttled or times out.',
      metric: queue(`${name}.fifo`, 'ApproximateAgeOfOldestMessage'),
      statistic: 'Maximum',
      when: ['>', 300],
      minutes: [3, 3],
    },
    {
      title: 'Worker fails',
      advice: 'The worker timed out or crashed. Its log has the reason; SQS brings the messages again.',
      metric: lambda('worker', 'Errors'),
      statistic: 'Sum',
      when: ['>=', 1],
      minutes: [2, 5],
    },
    {
      title: 'Messages fail',
      advice:
        'The worker could not do what messages asked for. Look for messages_failed and message_refused in its log.',
      metric: ofFunction('worker', 'MessagesFailed'),
      statistic: 'Sum',
      when: ['>=', 1],
      minutes: [3, 5],
    },
    {
      title: 'Webhook refuses (4xx)',
      advice:
        'Requests of watches are refused: a wrong token, service or type of watch. Look for watch_refused in the log.',
      metric: ofFunction('webhook', 'WatchesRefused'),
      statistic: 'Sum',
      when: ['>=', 1],
      minutes: [2, 10],
    },
    {
      title: 'Webhook fails (5xx)',
      advice:
        'Events of watches were lost, and the reconcile repairs that within a minute. Look for watch_failed and QUEUE_REFUSED in the log.',
      metric: api('5xx'),
      statistic: 'Sum',
      when: ['>=', 1],
      minutes: [1, 1],
    },
    {
      title: 'Reconcile missed',
      advice:
        'Nothing repairs lost events now. See whether the rule is enabled and what the log of reconcile says.',
      metric: ofFunction('reconcile', 'ReconcilesRequested'),
      statistic: 'Sum',
      when: ['<', 1],
      minutes: [3, 3],
      silenceIsBad: true,
    },
  ];
}

function ofFleet(fleet: Fleet, { ofFleet: metric }: Metrics, { propagation }: Parameters): Alarm[] {
  const { name, backends } = fleet;
  return [
    {
      title: 'Propagation slow',
      advice: `1 of 100 changes takes more than ${propagation} ms to reach a load balancer. See whether messages wait, or passes are slow.`,
      metric: metric(name, 'Propagation'),
      statistic: 'p99',
      when: ['>', propagation],
      minutes: [3, 5],
    },
    {
      title: 'Instances lagging',
      advice:
        'A load balancer could not be reached or changed. `hitless status` says which and why; the others are not affected.',
      metric: metric(name, 'InstancesLagging'),
      statistic: 'Maximum',
      when: ['>=', 1],
      minutes: [3, 3],
    },
    {
      title: 'Changes withheld',
      advice:
        'Consul misses so many servers at once that they are kept. If they really are gone: `hitless release`.',
      metric: metric(name, 'ChangesWithheld'),
      statistic: 'Maximum',
      when: ['>=', 1],
      minutes: [1, 1],
    },
    {
      title: 'Slots nearly used up',
      advice:
        'A backend has hardly a free slot, and cannot grow by itself any more. Split the service, or raise `slots`.',
      metric: metric(name, 'SlotsFree'),
      statistic: 'Minimum',
      when: ['<', Math.max(1, Math.min(...backends.map(({ spare }) => spare)))],
      minutes: [3, 3],
    },
    {
      title: 'Consul unreachable',
      advice:
        'The worker cannot read Consul. Load balancers stay as they are, and events still count. Check address, network, token.',
      metric: metric(name, 'ConsulFailures'),
      statistic: 'Sum',
      when: ['>=', 1],
      minutes: [3, 3],
    },
    {
      title: 'Configuration not published',
      advice:
        'The load balancers are right, but the file that they would restart from is not. Look for failed in the log of the worker.',
      metric: metric(name, 'PublishFailures'),
      statistic: 'Sum',
      when: ['>=', 1],
      minutes: [3, 5],
    },
    {
      title: 'Fleet not visited',
      advice:
        'No pass over the fleet for five minutes, so nothing follows Consul. See the alarms of queue and worker.',
      metric: metric(name, 'PassDuration'),
      statistic: 'SampleCount',
      when: ['<', 1],
      minutes: [5, 5],
      silenceIsBad: true,
    },
  ];
}

function resource(alarm: Alarm, name: string, fleet: string, actions: readonly string[]): [string, object] {
  const { title, advice, metric, statistic, when, minutes, silenceIsBad } = alarm;
  const words = title.replaceAll(/[^A-Za-z0-9 -]/g, '').split(/[ -]/);
  const [operator, threshold] = when;
  const id = `Alarm${words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')}${logicalId(fleet)}`;
  const properties = {
    AlarmName: [name, ...(fleet === '' ? [] : [fleet]), ...words].join('-').toLowerCase(),
    AlarmDescription: `${fleet === '' ? '' : `Fleet ${fleet}: `}${advice} RUNBOOK.md: "${title}".`,
    Namespace: metric.namespace,
    MetricName: metric.name,
    Dimensions: Object.entries(metric.dimensions).map(([Name, Value]) => ({ Name, Value })),
    ...(statistic === 'p99' ? { ExtendedStatistic: statistic } : { Statistic: statistic }),
    Period: 60,
    DatapointsToAlarm: minutes[0],
    EvaluationPeriods: minutes[1],
    ComparisonOperator: OPERATORS[operator],
    Threshold: threshold,
    TreatMissingData: silenceIsBad === true ? 'breaching' : 'notBreaching',
    AlarmActions: actions,
    OKActions: actions,
  };
  return [id, { Type: 'AWS::CloudWatch::Alarm', Properties: properties }];
}
