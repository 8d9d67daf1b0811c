/**
 * What the passes over a shard remember, for the next ones to go on from.
 *
 * The last reports of a shard's instances are one object, for an object a pass and instance would cost more than
 * everything else together. Beside it each instance has a report of its own, for people, and for the instance whose
 * shard is another one since load balancers came or went: it is written when it says something new.
 */

import { isDeepStrictEqual } from 'node:util';
import type { Fleet, Instance } from '../model/fleet.ts';
import type { InstanceReport } from '../model/report.ts';
import { DocumentInvalid } from '../store/document-invalid.ts';
import { reportKey, shardReportsKey } from '../store/keys.ts';
import type { ObjectStore } from '../store/object-store.ts';
import {
  decodeReport,
  decodeShardReports,
  encodeReport,
  encodeShardReports,
} from '../store/report-document.ts';
import { mergedReport, sameHolds } from './merged-report.ts';
import type { SyncPorts } from './ports.ts';

/** Somebody else writing this often between two of our reads is not a race any more. */
const MOST_RACES = 20;

type ReportPorts = Pick<SyncPorts, 'store' | 'log'>;

/** A part of a fleet's instances: `shard` counts from 0. */
export interface Shard {
  readonly fleet: Fleet;
  readonly shard: number;
  readonly instances: readonly Instance[];
}

export interface LastReport {
  /** False when the store could not tell; then nothing is known about what an operator held. */
  readonly known: boolean;
  /** Null: there is none yet, or it is not known. */
  readonly report: InstanceReport | null;
}

export interface ShardMemory {
  /** Of the instance with this name, which is one of the shard. */
  readonly of: (instance: string) => LastReport;
  /** Of the object for the whole shard; null: there is none yet. */
  readonly etag: string | null;
  /** False: the object could not be read, so nothing may replace it. */
  readonly known: boolean;
}

/** The shards of a fleet, in order. */
export function shardsOf(fleet: Fleet): Shard[] {
  const count = Math.ceil(fleet.instances.length / fleet.shard);
  return Array.from({ length: count }, (_, shard) => shardOf(fleet, shard));
}

/** @param shard one that the fleet does not have is without instances. */
export function shardOf(fleet: Fleet, shard: number): Shard {
  return { fleet, shard, instances: fleet.instances.slice(shard * fleet.shard, (shard + 1) * fleet.shard) };
}

/** Never throws: what goes wrong is logged, and a pass goes on without. */
export async function recallShard(ports: ReportPorts, shard: Shard): Promise<ShardMemory> {
  try {
    const { etag, reports } = await readShard(ports.store, shard);
    const strangers = shard.instances.filter(({ name }) => !reports.has(name));
    const own = new Map(
      await Promise.all(
        strangers.map(
          async (instance): Promise<[string, LastReport]> => [
            instance.name,
            await recallInstance(ports, shard, instance),
          ],
        ),
      ),
    );
    const of = (name: string) => own.get(name) ?? { known: true, report: reports.get(name) ?? null };
    return { of, etag, known: true };
  } catch (failed) {
    tell(ports, shard, failed);
    return { of: () => ({ known: false, report: null }), etag: null, known: false };
  }
}

export interface StoredReports {
  /** Null: there is no such object yet. */
  readonly etag: string | null;
  /** By the instance's name. */
  readonly reports: ReadonlyMap<string, InstanceReport>;
}

/** @throws StoreFailed, DocumentInvalid */
export async function readShard(store: ObjectStore, { fleet, shard }: Shard): Promise<StoredReports> {
  const key = shardReportsKey(fleet.name, shard);
  const stored = await store.get(key);
  const reports = stored === null ? [] : decodeShardReports(key, stored.body).reports;
  return { etag: stored?.etag ?? null, reports: new Map(reports.map((report) => [report.instance, report])) };
}

/**
 * An instance's own report; null: there is none.
 *
 * @throws StoreFailed, DocumentInvalid
 */
export async function readReport(
  store: ObjectStore,
  { fleet }: Pick<Shard, 'fleet'>,
  instance: string,
): Promise<InstanceReport | null> {
  const key = reportKey(fleet.name, instance);
  const stored = await store.get(key);
  return stored === null ? null : decodeReport(key, stored.body);
}

async function recallInstance(ports: ReportPorts, shard: Shard, { name }: Instance): Promise<LastReport> {
  try {
    return { known: true, report: await readReport(ports.store, shard, name) };
  } catch (failed) {
    tell(ports, shard, failed, name);
    return { known: false, report: null };
  }
}

/** What a pass found out about an instance, and the report that it went on from. */
export interface Finding {
  readonly report: InstanceReport;
  readonly remembered: InstanceReport | null;
}

/**
 * Writes what the pass found out, unless it is nothing new. Never throws: what goes wrong is logged.
 *
 * @param memory what was read last, which may be later than what a finding went on from.
 * @param all also what could wait for the fleet's `report_every`, and every instance's own report.
 * @returns whether another pass has reported other holds meanwhile. Nobody knows who of the two looked later, so what is
 *   written names those of both, and who looks again finds out.
 */
export async function keepReports(
  ports: ReportPorts,
  shard: Shard,
  memory: ShardMemory,
  fresh: readonly Finding[],
  { all }: { readonly all: boolean },
): Promise<boolean> {
  // Without the last report what an operator held is unknown, and writing one would forget it.
  const known = fresh.filter(({ report }) => memory.of(report.instance).known);
  const changed = known.filter(
    ({ report, remembered }) => !isDeepStrictEqual(lasting(report), lasting(remembered)),
  );
  if (!memory.known || changed.length === 0) return false;
  const news = changed.filter(({ report, remembered }) => all || isNews(report, remembered));
  await Promise.all(news.map(({ report }) => keepOwn(ports, shard, report)));
  const lastMs = Math.max(0, ...known.map(({ remembered }) => remembered?.observedAtMs ?? 0));
  // Those that a fast clock dates in the future are due.
  const isDue = ({ report }: Finding) =>
    report.observedAtMs < lastMs || report.observedAtMs >= lastMs + shard.fleet.reportEveryMs;
  if (!all && news.length === 0 && !changed.some(isDue)) return false;
  return keepShard(ports, shard, memory, known);
}

/** A report that only says that nothing happened again is not written again. */
function lasting(report: InstanceReport | null): object | null {
  return report === null ? null : { ...report, observedAtMs: 0, readAtMs: 0, commands: 0 };
}

/** Anything but another generation that was applied as it should be, and another snapshot. */
function isNews(report: InstanceReport, last: InstanceReport | null): boolean {
  const told = (of: InstanceReport) => ({
    ...lasting(of),
    generation: 0,
    verified: null,
    applied: null,
    propagation: null,
    snapshot: null,
  });
  return last === null || !isDeepStrictEqual(told(report), told(last));
}

async function keepOwn(ports: ReportPorts, shard: Shard, report: InstanceReport): Promise<void> {
  try {
    await ports.store.put(reportKey(shard.fleet.name, report.instance), encodeReport(report));
  } catch (failed) {
    tell(ports, shard, failed, report.instance);
  }
}

/** What another pass wrote since ours began is not replaced by ours, but made one with it. */
async function keepShard(
  ports: ReportPorts,
  shard: Shard,
  memory: ShardMemory,
  fresh: readonly Finding[],
): Promise<boolean> {
  const { fleet, instances } = shard;
  const key = shardReportsKey(fleet.name, shard.shard);
  const ours = new Map(fresh.map((finding) => [finding.report.instance, finding]));
  let { etag } = memory;
  let theirs = (name: string) => memory.of(name).report;
  try {
    for (let race = 0; race < MOST_RACES; race += 1) {
      let isContested = false;
      const reports = instances.flatMap(({ name }) => {
        const [own, stored] = [ours.get(name), theirs(name)];
        if (own === undefined) return stored ?? [];
        const { report, remembered } = own;
        if (stored === null || isDeepStrictEqual(stored, remembered)) return report;
        isContested ||= !sameHolds(report, stored);
        return mergedReport(report, stored, remembered);
      });
      const body = encodeSound(ports, shard, reports);
      if ((await ports.store.putIf(key, body, etag)) !== 'lost-race') return isContested;
      const winner = await readShard(ports.store, shard);
      etag = winner.etag;
      theirs = (name) => winner.reports.get(name) ?? null;
    }
    throw new Error(`${key}: lost the race for it ${MOST_RACES} times`);
  } catch (failed) {
    tell(ports, shard, failed);
    return false;
  }
}

/** A report that could not be read again is left out, and told about: it costs no other instance's. */
function encodeSound(ports: ReportPorts, shard: Shard, reports: readonly InstanceReport[]): string {
  const document = { version: 1, fleet: shard.fleet.name, shard: shard.shard } as const;
  try {
    return encodeShardReports({ ...document, reports });
  } catch (failed) {
    if (!(failed instanceof DocumentInvalid)) throw failed;
    return encodeShardReports({ ...document, reports: reports.filter((one) => isSound(ports, shard, one)) });
  }
}

function isSound(ports: ReportPorts, shard: Shard, report: InstanceReport): boolean {
  try {
    return encodeReport(report) !== '';
  } catch (failed) {
    tell(ports, shard, failed, report.instance);
    return false;
  }
}

function tell({ log }: ReportPorts, { fleet }: Shard, failed: unknown, instance?: string): void {
  const where = instance === undefined ? {} : { instance };
  log({ event: 'failed', level: 'error', fleet: fleet.name, ...where, error: String(failed) });
}
