/** Whether everything that a pass needs is there: what Consul, the store and each instance answer. Changes nothing. */

import type { Fleet, Instance } from '../model/fleet.ts';
import type { InstanceRefusal } from '../model/found-instance.ts';
import type { InstanceInfo, ObservedServer } from '../model/observed.ts';
import { slotName } from '../model/slot-table.ts';
import { addressText } from '../runtime-api/address-text.ts';
import type { RuntimeLevel } from '../runtime-api/commands/show-cli-level.ts';
import { slotTableKey } from '../store/keys.ts';
import type { ObjectStore, StoredObject } from '../store/object-store.ts';
import { decodeSlotTable } from '../store/slot-table-document.ts';
import { offMs } from './clock-notice.ts';
import { findInstances, moreRefused, type WholeFleet } from './find-instances.ts';
import type { SyncPorts } from './ports.ts';
import { stateFileNotes } from './state-file-notes.ts';

/** What was found, and what is wrong: each problem one sentence, empty when all is well. */
interface Found {
  readonly problems: readonly string[];
}

export interface InstanceSurvey extends Found {
  readonly instance: string;
  /** As hitless.yml writes it. */
  readonly address: string;
  /** Worth knowing, not wrong. */
  readonly notes: readonly string[];
  /** Null when it could not be asked. */
  readonly info: InstanceInfo | null;
  readonly level: RuntimeLevel | null;
}

export interface ServiceSurvey extends Found {
  readonly service: string;
  /** Registrations, ready or not; null when Consul could not be asked. */
  readonly registered: number | null;
}

export interface FleetSurvey {
  /** In the order of the configuration, then those that are found in Consul. */
  readonly instances: readonly InstanceSurvey[];
  /** Registrations that cannot be instances of the fleet. */
  readonly refusedInstances: readonly InstanceRefusal[];
  /** How many more than `refusedInstances` names. Absent: none. */
  readonly refusedInstancesMore?: number;
  readonly services: readonly ServiceSurvey[];
  readonly store: Found & {
    /** Of the table; 0: there is none yet; null: the store could not be read. */
    readonly generation: number | null;
    /** As `StoreClock.aheadMs`. Absent: this machine's clock is right, or the store has none. */
    readonly clockOffMs?: number;
  };
}

/** Asks everybody at the same time. Never throws. */
export async function surveyFleet(ports: SyncPorts, configured: Fleet): Promise<FleetSurvey> {
  const { backends, instancesFrom } = configured;
  const used = [
    ...backends.map((backend) => backend.service),
    ...(instancesFrom === null ? [] : [instancesFrom.service]),
  ];
  const services = [...new Set(used)];
  const whole = await wholeFleet(ports, configured);
  const { fleet, refused: refusedInstances } = whole;
  const [instances, consul, store] = await Promise.all([
    Promise.all(fleet.instances.map((instance) => surveyInstance(ports, fleet, instance))),
    Promise.all(services.map((service) => surveyService(ports, fleet, service))),
    surveyStore(ports, fleet),
  ]);
  return { instances, refusedInstances, ...moreRefused(whole), services: consul, store };
}

/** Why the store cannot be read, its own survey says. */
async function wholeFleet(ports: SyncPorts, fleet: Fleet): Promise<Omit<WholeFleet, 'consulFailures'>> {
  return findInstances(ports, fleet, { write: false }).catch(() => ({ fleet, refused: [] }));
}

async function surveyInstance(
  { openSession }: SyncPorts,
  fleet: Fleet,
  { name, address }: Instance,
): Promise<InstanceSurvey> {
  const own = { instance: name, address: addressText(address) };
  try {
    const signal = AbortSignal.timeout(fleet.timeoutMs);
    const session = await openSession(address, { tls: fleet.tls, signal });
    try {
      const [info, level, { raw, servers }] = await Promise.all([
        session.readInfo(),
        session.readLevel(),
        session.readServers(),
      ]);
      const problems = [...levelProblems(level), ...slotProblems(fleet, servers)];
      return { ...own, info, level, problems, notes: stateFileNotes(fleet, raw) };
    } finally {
      await session.close();
    }
  } catch (failed) {
    return { ...own, info: null, level: null, problems: [wordsOf(failed)], notes: [] };
  }
}

function levelProblems(level: RuntimeLevel): string[] {
  if (level === 'admin') return [];
  return [
    `its Runtime API has level ${level}: give its \`stats socket\` line in haproxy.cfg \`level admin\``,
  ];
}

function slotProblems({ backends }: Fleet, servers: readonly ObservedServer[]): string[] {
  const names = new Set(servers.map(({ backend, server }) => `${backend}/${server}`));
  return backends.flatMap((policy) => {
    const { backend, slots } = policy;
    if (!servers.some((seen) => seen.backend === backend))
      return [`it has no backend ${backend} with servers`];
    const declared = Array.from({ length: slots }, (_, index) => slotName(policy, index + 1));
    const missing = declared.filter((slot) => !names.has(`${backend}/${slot}`));
    const [first] = missing;
    if (first === undefined) return [];
    const have = slots - missing.length;
    return [`its backend ${backend} has ${have} of ${slots} slots, the first missing one is ${first}`];
  });
}

async function surveyService(
  { readService }: SyncPorts,
  { answerBytes }: Fleet,
  service: string,
): Promise<ServiceSurvey> {
  try {
    const { entries } = await readService(service, { mostBytes: answerBytes });
    const problems = entries.length === 0 ? [`Consul has no service ${service}`] : [];
    return { service, registered: entries.length, problems };
  } catch (failed) {
    return { service, registered: null, problems: [wordsOf(failed)] };
  }
}

async function surveyStore({ store }: SyncPorts, fleet: Fleet): Promise<FleetSurvey['store']> {
  const key = slotTableKey(fleet.name);
  const obstacles = (await store.obstacles?.(fleet.name)) ?? [];
  try {
    const stored = await store.get(key);
    const problems = store.obstacles === undefined ? await writeProblems(store, key, stored) : obstacles;
    const clockOffMs = offMs(store);
    const generation = stored === null ? 0 : decodeSlotTable(key, stored.body).generation;
    return { generation, problems, ...(clockOffMs !== null && { clockOffMs }) };
  } catch (failed) {
    return { generation: null, problems: obstacles.length > 0 ? obstacles : [wordsOf(failed)] };
  }
}

/** No object has it. */
const NO_ETAG = '"0123456789abcdef0123456789abcdef"';

/**
 * Whether we may write is only told to who writes: so the table is replaced by itself, on a condition that never holds.
 */
async function writeProblems(
  store: ObjectStore,
  key: string,
  stored: StoredObject | null,
): Promise<readonly string[]> {
  if (stored === null) return [];
  try {
    await store.putIf(key, stored.body, NO_ETAG);
    return [];
  } catch (failed) {
    return [wordsOf(failed)];
  }
}

function wordsOf(failed: unknown): string {
  return failed instanceof Error ? failed.message : String(failed);
}
