/** What a month costs, line by line: counts of a day, and the unit prices of infra/aws/prices.json. */

import { readFile } from 'node:fs/promises';
import * as v from 'valibot';

const DAYS = 30;
const HOURS = 730;

const prices = v.object({
  lambda: v.object({ perMillionInvocations: v.number(), perGbSecondArm64: v.number() }),
  sqsFifo: v.object({ perMillionRequests: v.number(), idlePollingRequestsPerMonth: v.number() }),
  s3: v.object({ perThousandPuts: v.number(), perThousandGets: v.number(), perGbMonth: v.number() }),
  httpApi: v.object({ perMillionRequests: v.number() }),
  cloudWatch: v.object({ perGbLogs: v.number(), perMetricMonth: v.number() }),
  vpc: v.object({
    perInterfaceEndpointHour: v.number(),
    perGbInterfaceEndpoint: v.number(),
    perGbBetweenZonesEachWay: v.number(),
  }),
});
export type Prices = v.InferOutput<typeof prices>;

export async function readPrices(): Promise<Prices> {
  const text = await readFile(new URL('../../../infra/aws/prices.json', import.meta.url), 'utf8');
  return v.parse(prices, JSON.parse(text));
}

/** Of one day. */
export interface Usage {
  readonly httpRequests: number;
  readonly invocations: number;
  readonly gbSeconds: number;
  readonly queueRequests: number;
  readonly puts: number;
  readonly gets: number;
  /** What the hosts ask for their configuration. */
  readonly hostGets: number;
  readonly logGb: number;
  readonly runtimeGb: number;
  readonly putGb: number;
  /** Metrics of CloudWatch, each with its dimensions. */
  readonly metrics: number;
  readonly interfaceEndpoints: number;
}

export interface BillLine {
  readonly what: string;
  readonly dollars: number;
  /** Requests and computing, which issue 4 sets a bar for; the rest is told as well. */
  readonly request: boolean;
}

/** @param keptDays how long object versions are kept. */
export function billOf(usage: Usage, prices: Prices, keptDays: number): BillLine[] {
  const { lambda, sqsFifo, s3, httpApi, cloudWatch, vpc } = prices;
  const request = (what: string, dollars: number): BillLine => ({ what, dollars, request: true });
  const other = (what: string, dollars: number): BillLine => ({ what, dollars, request: false });
  const month = (daily: number) => daily * DAYS;
  return [
    request('HTTP API, requests', (month(usage.httpRequests) / 1e6) * httpApi.perMillionRequests),
    request('Lambda, invocations', (month(usage.invocations) / 1e6) * lambda.perMillionInvocations),
    request('Lambda, GB-seconds', month(usage.gbSeconds) * lambda.perGbSecondArm64),
    request(
      'SQS, requests',
      ((month(usage.queueRequests) + sqsFifo.idlePollingRequestsPerMonth) / 1e6) * sqsFifo.perMillionRequests,
    ),
    request('S3, objects written', (month(usage.puts) / 1_000) * s3.perThousandPuts),
    request('S3, objects read', (month(usage.gets) / 1_000) * s3.perThousandGets),
    request('S3, objects read by the hosts', (month(usage.hostGets) / 1_000) * s3.perThousandGets),
    other('S3, storage of kept versions', usage.putGb * keptDays * s3.perGbMonth),
    other('CloudWatch, logs', month(usage.logGb) * cloudWatch.perGbLogs),
    other('CloudWatch, metrics', usage.metrics * cloudWatch.perMetricMonth),
    other('VPC, interface endpoints', usage.interfaceEndpoints * HOURS * vpc.perInterfaceEndpointHour),
    other(
      'traffic between zones, two thirds of the Runtime API',
      month(usage.runtimeGb) * (2 / 3) * 2 * vpc.perGbBetweenZonesEachWay,
    ),
  ];
}
