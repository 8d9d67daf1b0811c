/** What a pass would do now, to the table and to every instance. Writes nothing anywhere, sends no change. */

import pLimit from 'p-limit';
import type { Fleet, Instance } from '../model/fleet.ts';
import type { InstanceRefusal } from '../model/found-instance.ts';
import type { InstanceInfo } from '../model/observed.ts';
import type { Plan } from '../model/plan.ts';
import { type HaproxyProcess, isSameProcess } from '../model/process.ts';
import type { InstanceReport } from '../model/report.ts';
import type { SlotTable } from '../model/slot-table.ts';
import { missingSlotsProblem } from '../plan/explain.ts';
import { slotTableKey } from '../store/keys.ts';
import { proposeTable } from './assign-fleet.ts';
import { findInstances, moreRefused } from './find-instances.ts';
import { type Look, lookAt, planFrom } from './look.ts';
import type { SyncPorts } from './ports.ts';
import type { ConsulFailure } from './read-endpoints.ts';
import { type LastReport, recallShard, shardsOf } from './shard-reports.ts';

/** Connections at the same time. */
const AT_ONCE = 200;

/** `plan` is null, and `unreachable` says why, when the instance could not be asked. */
export type InstancePreview =
  | {
      readonly instance: string;
      readonly info: InstanceInfo;
      readonly plan: Plan;
      readonly unreachable: null;
    }
  | {
      readonly instance: string;
      readonly info: null;
      readonly plan: null;
      readonly unreachable: string;
    };

export interface FleetPreview {
  /** As it would be; its generation is one above the stored one when `changed`. */
  readonly table: SlotTable;
  readonly changed: boolean;
  /** Why the published configuration would stay as it is although the fleet has a template; null: it would not. */
  readonly configurationWithheld: string | null;
  readonly consulFailures: readonly ConsulFailure[];
  /** Registrations that cannot be instances of the fleet. */
  readonly refusedInstances: readonly InstanceRefusal[];
  /** How many more than `refusedInstances` names. Absent: none. */
  readonly refusedInstancesMore?: number;
  /** In the order of the configuration, then those that were found in Consul. */
  readonly instances: readonly InstancePreview[];
}

/** @throws StoreFailed, DocumentInvalid, TemplateInvalid, ConsulUnavailable, as a pass would. */
export async function previewFleet(ports: SyncPorts, configured: Fleet): Promise<FleetPreview> {
  const stored = await ports.store.get(slotTableKey(configured.name));
  const whole = await findInstances(ports, configured, { write: false });
  const { fleet, refused: refusedInstances } = whole;
  const { table, changed, ...proposal } = await proposeTable(ports, fleet, stored, new Map());
  const consulFailures = [...proposal.consulFailures, ...whole.consulFailures];
  const limit = pLimit(AT_ONCE);
  const instances = await Promise.all(
    shardsOf(fleet).flatMap((shard) => {
      const recalling = recallShard(ports, shard);
      return shard.instances.map((instance) => {
        const last = recalling.then((memory) => memory.of(instance.name));
        return limit(() => previewInstance(ports, fleet, table, instance, last));
      });
    }),
  );
  const { configurationWithheld } = proposal;
  const refused = { refusedInstances, ...moreRefused(whole) };
  return { table, changed, configurationWithheld, consulFailures, ...refused, instances };
}

async function previewInstance(
  ports: SyncPorts,
  fleet: Fleet,
  table: SlotTable,
  { name, address }: Instance,
  recalling: Promise<LastReport>,
): Promise<InstancePreview> {
  try {
    const signal = AbortSignal.timeout(fleet.timeoutMs);
    const session = await ports.openSession(address, { tls: fleet.tls, signal });
    try {
      const [look, last] = await Promise.all([lookAt(session, table, ports.now), recalling]);
      const plan = planFrom(fleet, table, look, last);
      return {
        ...{ instance: name, info: look.info, unreachable: null },
        plan: asLastTime(plan, look, last.report),
      };
    } finally {
      await session.close();
    }
  } catch (failed) {
    await recalling;
    const unreachable = failed instanceof Error ? failed.message : String(failed);
    return { instance: name, info: null, plan: null, unreachable };
  }
}

/**
 * Only a pass can find out that HAProxy takes no further server, for it has to ask. What this very process refused to
 * the last one it would refuse again.
 */
function asLastTime(plan: Plan, { process }: Look, last: InstanceReport | null): Plan {
  const refused = new Set(last !== null && isSameProcess(processIn(last), process) ? last.missingSlots : []);
  const grows = plan.changes.filter(({ kind, ...at }) => kind === 'grow' && refused.has(nameOf(at)));
  if (grows.length === 0) return plan;
  const lacking = new Set(grows.map(nameOf));
  const problems = [...Map.groupBy(grows, ({ backend }) => backend)].map(([backend, own]) =>
    missingSlotsProblem(backend, own.map(nameOf), 'HAProxy did not take them at the last pass'),
  );
  return {
    ...plan,
    changes: plan.changes.filter((change) => !lacking.has(nameOf(change))),
    stages: plan.stages.map((stage) => ({
      ...stage,
      steps: stage.steps.filter((step) => !lacking.has(nameOf(step))),
    })),
    missingSlots: [...plan.missingSlots, ...lacking],
    problems: [...plan.problems, ...problems],
  };
}

function processIn({ pid, startedAtSeconds }: InstanceReport): HaproxyProcess {
  return { pid: pid ?? 0, ...(startedAtSeconds !== undefined && { startedAtSeconds }) };
}

function nameOf({ backend, slot }: { readonly backend: string; readonly slot: string }): string {
  return `${backend}/${slot}`;
}
