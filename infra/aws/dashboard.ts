/** One dashboard for a stage: the path of an event from left to right, then a row for each fleet. */

import type { Fleet } from '../../lib/model/fleet.ts';
import type { Metric, Metrics } from './metrics.ts';

interface Widget {
  readonly title: string;
  readonly lines: readonly (readonly [Metric, string])[];
}

const WIDTH = 6;
const HEIGHT = 6;

export function dashboard(name: string, metrics: Metrics, fleets: readonly Fleet[]) {
  const rows = [ofStack(name, metrics), ...fleets.map(({ name: fleet }) => ofFleet(fleet, metrics))];
  const widgets = rows.flatMap((row, y) => row.map((widget, x) => drawn(widget, x * WIDTH, y * HEIGHT)));
  return {
    Dashboard: {
      Type: 'AWS::CloudWatch::Dashboard',
      Properties: { DashboardName: name, DashboardBody: { 'Fn::Sub': JSON.stringify({ widgets }) } },
    },
  };
}

function ofStack(name: string, { ofFunction, lambda, queue, api }: Metrics): Widget[] {
  return [
    {
      title: 'Webhook',
      lines: [
        [ofFunction('webhook', 'WatchesReceived'), 'Sum'],
        [ofFunction('webhook', 'WatchesRefused'), 'Sum'],
        [ofFunction('webhook', 'WebhookErrors'), 'Sum'],
        [api('4xx'), 'Sum'],
        [api('5xx'), 'Sum'],
      ],
    },
    {
      title: 'Queue',
      lines: [
        [queue(`${name}.fifo`, 'ApproximateAgeOfOldestMessage'), 'Maximum'],
        [queue(`${name}.fifo`, 'ApproximateNumberOfMessagesVisible'), 'Maximum'],
        [queue(`${name}-dead.fifo`, 'ApproximateNumberOfMessagesVisible'), 'Maximum'],
      ],
    },
    {
      title: 'Worker',
      lines: [
        [ofFunction('worker', 'MessagesReceived'), 'Sum'],
        [ofFunction('worker', 'MessagesFailed'), 'Sum'],
        [lambda('worker', 'Errors'), 'Sum'],
        [lambda('worker', 'Throttles'), 'Sum'],
        [lambda('worker', 'Duration'), 'p99'],
      ],
    },
    { title: 'Reconcile', lines: [[ofFunction('reconcile', 'ReconcilesRequested'), 'Sum']] },
  ];
}

function ofFleet(fleet: string, { ofFleet: metric }: Metrics): Widget[] {
  return [
    {
      title: `${fleet}: instances`,
      lines: [
        [metric(fleet, 'InstancesConverged'), 'Maximum'],
        [metric(fleet, 'InstancesLagging'), 'Maximum'],
      ],
    },
    {
      title: `${fleet}: time (ms)`,
      lines: [
        [metric(fleet, 'Propagation'), 'p50'],
        [metric(fleet, 'Propagation'), 'p99'],
        [metric(fleet, 'PassDuration'), 'p99'],
      ],
    },
    {
      title: `${fleet}: work`,
      lines: [
        [metric(fleet, 'Commands'), 'Sum'],
        [metric(fleet, 'ConsulFailures'), 'Sum'],
        [metric(fleet, 'PublishFailures'), 'Sum'],
      ],
    },
    {
      title: `${fleet}: slots`,
      lines: [
        [metric(fleet, 'SlotsFree'), 'Minimum'],
        [metric(fleet, 'ChangesWithheld'), 'Maximum'],
      ],
    },
  ];
}

function drawn({ title, lines }: Widget, x: number, y: number) {
  const region = `\${AWS::Region}`;
  const drawnLines = lines.map(([{ namespace, name, dimensions }, stat]) => [
    namespace,
    name,
    ...Object.entries(dimensions).flatMap(([key, value]) => [key, asText(value)]),
    { stat },
  ]);
  const properties = { title, region, view: 'timeSeries', period: 60, metrics: drawnLines };
  return { type: 'metric', x, y, width: WIDTH, height: HEIGHT, properties };
}

/** The body is one text, in which a resource is named as Fn::Sub does. */
function asText(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'Ref' in value) return `\${${value.Ref}}`;
  return String(value);
}
