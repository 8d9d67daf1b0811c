/**
 * (g) A simulated day of 5,000 load balancers with 20,000 updates, and what a month of such days costs.
 *
 * What a pass asks of store, queue and log is counted on the real code; what it costs the processor is measured on real
 * connections (fleet.ts). Assumed, and told in the sizes: a Lambda function has one processor at 1,769 MB and a share of
 * it below (AWS's documentation), and what an invocation waits for others.
 */

import { type Benchmark, type BenchmarkOptions, type Row, verify } from './benchmark.ts';
import { type BillLine, billOf, readPrices, type Usage } from './day/bill.ts';
import { type Day, simulateDay } from './day/simulate.ts';
import { type InstanceCost, instanceCost } from './fleet.ts';
import { quantile, sum } from './statistics.ts';

const LOAD_BALANCERS = 5_000;
const UPDATES = 20_000;
const DAY_MS = 86_400_000;
const SHARD = 50;
/** serverless.yml. */
const WORKER_MB = 512;
const SMALL_MB = 256;
/** infra/aws/parameters.ts. */
const WORKERS = 10;
const PROCESSOR_MB = 1_769;
const MB_IN_GB = 1_024;
/** Store, Consul and queue one after the other, at 15 to 30 ms each in a pass; HAProxies over a millisecond in both. */
const PASS_WAITS_MS = 120;
const APPLY_WAITS_MS = 60;
/** Of the functions that only queue something: measured on the local system. */
const QUEUEING_CPU_MS = 8;
const QUEUEING_WAITS_MS = 15;
const KEPT_DAYS = 90;
/** Each host asks once a minute for current.json; hitless-pull.timer. */
const HOST_ASKS = 86_400 / 67.5;
/** START, END and REPORT of an invocation, the EMF lines of its metrics, and its own summary. */
const INVOCATION_LOG_BYTES = 400 + 2 * 500 + 600;
/** functions/pass-metrics.ts, for each fleet; and those of the functions themselves. */
const METRICS_PER_FLEET = 8;
const METRICS = 8;

export const day: Benchmark = {
  name: 'day',
  title: 'a simulated day of 5,000 load balancers with 20,000 updates, and the bill of a month',

  async run(options) {
    const hours = options.size === 'small' ? 0.5 : 24;
    options.tell('what an instance costs the processor');
    const cost = await instanceCost(SHARD, options.size === 'small' ? 3 : 7);
    const rows: Row[] = [];
    for (const fleets of [1, 100]) rows.push(...(await rowsOf(options, cost, hours, fleets)));
    return {
      sizes: {
        ...{
          'load balancers': LOAD_BALANCERS,
          updates: UPDATES,
          'hours simulated': hours,
          seed: options.seed,
        },
        ...{ shard: SHARD, workers: WORKERS, 'worker MB': WORKER_MB },
        ...{ 'waits of a pass, ms': PASS_WAITS_MS, 'waits of a shard, ms': APPLY_WAITS_MS },
        'processor ms for an instance with a change': cost.changedMs.toFixed(2),
        'without one': cost.idleMs.toFixed(2),
      },
      rows,
    };
  },
};

async function rowsOf(
  { seed, tell }: BenchmarkOptions,
  cost: InstanceCost,
  hours: number,
  fleets: number,
): Promise<Row[]> {
  const size = LOAD_BALANCERS / fleets;
  tell(`${fleets} fleet(s) of ${size}`);
  const passMs = PASS_WAITS_MS + durationMs(10);
  const applyMs = (changed: number, idle: number) =>
    APPLY_WAITS_MS + durationMs(changed * cost.changedMs + idle * cost.idleMs);
  const simulated = await simulateDay({
    ...{ seed, size, shard: SHARD, workers: WORKERS, passMs, applyMs },
    updates: Math.round((UPDATES * hours) / 24),
    lengthMs: (DAY_MS * hours) / 24,
  });
  const usage = usageOf(simulated, { fleets, size, scale: 24 / hours, cost });
  const lines = billOf(usage, await readPrices(), KEPT_DAYS);
  const dollars = (of: readonly BillLine[]) => sum(of.map((line) => line.dollars));
  const requests = dollars(lines.filter(({ request }) => request));
  verify(dollars(lines) > 0, 'a month costs something');
  const name = fleets === 1 ? 'one fleet' : `${fleets} fleets`;
  const daily = (what: string, value: number, unit: Row['unit'], note?: string): Row => ({
    ...{ what: `${name}, a day: ${what}`, value, unit },
    ...(note === undefined ? {} : { note }),
  });
  const { propagationMs } = simulated;
  return [
    daily('messages in the queue', simulated.messages * fleets * (24 / hours), 'messages'),
    daily(
      'invocations',
      usage.invocations,
      'invocations',
      `of each fleet: ${Math.round((simulated.passes * 24) / hours)} passes for ${UPDATES} updates and ${Math.round((simulated.reconciles * 24) / hours)} reconciles`,
    ),
    daily('computing', usage.gbSeconds, 'GB-s'),
    daily(
      'objects written',
      usage.puts,
      'requests',
      `${Math.round(usage.fleetPuts)} of them of the fleet (table, configuration, generations), the others of its instances (reports, snapshots)`,
    ),
    daily(
      'objects read',
      usage.gets + usage.hostGets,
      'requests',
      `${Math.round(usage.hostGets)} of them by the hosts`,
    ),
    daily('logs', usage.logGb, 'GB'),
    daily('Runtime API traffic', usage.runtimeGb, 'GB'),
    daily(
      'an update, until it is applied: median',
      quantile(propagationMs, 0.5),
      'ms',
      `p99 ${Math.round(quantile(propagationMs, 0.99))}, by the assumed durations, not measured`,
    ),
    ...lines.map((line): Row => ({ what: `${name}, a month: ${line.what}`, value: line.dollars, unit: '$' })),
    {
      what: `${name}: requests and computing, for a load balancer and month`,
      value: requests / LOAD_BALANCERS,
      unit: '$',
      bar: { atMost: 0.1 },
    },
    {
      what: `${name}: with storage, logs, metrics, endpoints and traffic`,
      value: dollars(lines) / LOAD_BALANCERS,
      unit: '$',
    },
  ];
}

/** On the worker's share of a processor. */
function durationMs(cpuMs: number, memoryMb = WORKER_MB): number {
  return (cpuMs * PROCESSOR_MB) / memoryMb;
}

function gbSeconds(cpuMs: number, waitMs: number, memoryMb: number): number {
  return (((durationMs(cpuMs, memoryMb) + waitMs) / 1_000) * memoryMb) / MB_IN_GB;
}

interface Scale {
  readonly fleets: number;
  /** Load balancers of a fleet. */
  readonly size: number;
  /** From what was simulated to a day. */
  readonly scale: number;
  readonly cost: InstanceCost;
}

/** Of a whole day and all fleets. */
function usageOf(day: Day, { fleets, size, scale, cost }: Scale): Usage & { readonly fleetPuts: number } {
  const { passWork, applyWork, sample } = day;
  const split = day.applications > 0;
  /** The other shards did as the sampled one. */
  const perSampled = split ? day.applications / day.sampled : 0;
  const shardFactor = (Math.min(size, SHARD) / sample) * (split ? perSampled : 1);
  const instanceWork = split ? applyWork : passWork;
  const of = (count: (work: typeof passWork) => number, perInstance: (work: typeof passWork) => number) =>
    (count(passWork) + count(applyWork) * perSampled + perInstance(instanceWork) * shardFactor) *
    fleets *
    scale;
  const changed = instanceWork.changed * shardFactor;
  const idle = instanceWork.idle * shardFactor;
  const passCpuMs = split ? passWork.cpuMs / day.passes : 10;
  const workerGbSeconds =
    day.passes * gbSeconds(passCpuMs, PASS_WAITS_MS, WORKER_MB) +
    gbSeconds(changed * cost.changedMs + idle * cost.idleMs, day.applications * APPLY_WAITS_MS, WORKER_MB);
  const queueing = (day.updates + day.reconciles) * gbSeconds(QUEUEING_CPU_MS, QUEUEING_WAITS_MS, SMALL_MB);
  const workerInvocations = day.passes + day.applications;
  const invocations = (workerInvocations + day.updates + day.reconciles) * fleets * scale;
  const gb = (bytes: number) => bytes / 1e9;
  return {
    httpRequests: day.updates * fleets * scale,
    invocations,
    gbSeconds: (workerGbSeconds + queueing) * fleets * scale,
    // A batch is received by one request and deleted by another one.
    queueRequests: (day.sendRequests + 2 * workerInvocations) * fleets * scale,
    puts: of(
      ({ common }) => common.puts,
      ({ instances }) => instances.puts,
    ),
    gets: of(
      ({ common }) => common.gets,
      ({ instances }) => instances.gets,
    ),
    fleetPuts: of(
      ({ common }) => common.puts,
      () => 0,
    ),
    hostGets: LOAD_BALANCERS * HOST_ASKS,
    logGb: gb(
      of(
        ({ common }) => common.logBytes,
        ({ instances }) => instances.logBytes,
      ) +
        invocations * INVOCATION_LOG_BYTES,
    ),
    runtimeGb: gb(instanceWork.runtimeBytes * shardFactor * fleets * scale),
    putGb: gb(
      of(
        ({ common }) => common.bytesPut,
        ({ instances }) => instances.bytesPut,
      ),
    ),
    metrics: METRICS + METRICS_PER_FLEET * fleets,
    interfaceEndpoints: 2,
  };
}
