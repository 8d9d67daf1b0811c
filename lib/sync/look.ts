/** A look at one instance, and the plan from there to the table: the same for `plan` and for a pass. */

import { capabilitiesOf } from '../model/capabilities.ts';
import { decide } from '../model/deciding.ts';
import type { Fleet } from '../model/fleet.ts';
import type { InstanceInfo, ObservedServer } from '../model/observed.ts';
import type { Plan } from '../model/plan.ts';
import { processOf, type ShownProcess } from '../model/process.ts';
import { type SlotTable, slotName } from '../model/slot-table.ts';
import {
  type InstanceMemory,
  memoryOf,
  type RememberedHold,
  UNKNOWN_MEMORY,
} from '../plan/instance-memory.ts';
import { type Observation, planInstance } from '../plan/plan-instance.ts';
import type { RuntimeSession, ServersState } from '../runtime-api/runtime-session.ts';
import { observedBySlot } from './by-slot.ts';
import { ageMs, type Moment, momentNow } from './moment.ts';
import type { LastReport } from './shard-reports.ts';

export interface Look {
  readonly info: InstanceInfo;
  readonly process: ShownProcess;
  readonly state: ServersState;
  /** When the state was read; milliseconds since 1970. */
  readonly readAtMs: number;
  /** The same, to say how old it is. */
  readonly at: Moment;
  /** How long reading took. */
  readonly tookMs: number;
  /** By backend, then by server: current sessions, of the backends where that matters. */
  readonly sessions: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** A picture that is older than this is not acted upon: somebody else may have changed something since. */
const MOMENT_MS = 20;

/** Sends `show` commands only. Throws SessionLost, CommandRefused, ReplyNotUnderstood. */
export async function lookAt(session: RuntimeSession, table: SlotTable, now: () => number): Promise<Look> {
  const began = performance.now();
  const [info, state] = await Promise.all([session.readInfo(), session.readServers()]);
  const process = processOf(info, now());
  return seenNow({ info, process }, state, began, session, table, now);
}

/** The same process again, for a session ends with its process. */
export async function lookAgain(
  session: RuntimeSession,
  table: SlotTable,
  now: () => number,
  before: Look,
  read?: ServersState,
): Promise<Look> {
  const began = performance.now();
  const state = read ?? (await session.readServers());
  return seenNow(before, state, began, session, table, now);
}

async function seenNow(
  { info, process }: Pick<Look, 'info' | 'process'>,
  state: ServersState,
  began: number,
  session: RuntimeSession,
  table: SlotTable,
  now: () => number,
): Promise<Look> {
  const at = momentNow(now);
  const sessions = await readSessions(session, table, state.servers);
  return { info, process, state, readAtMs: at.wallMs, at, tookMs: performance.now() - began, sessions };
}

/** Where a look itself takes long, a moment is as long. */
export function isOld({ at, tookMs }: Look, now: () => number): boolean {
  return ageMs(at, now) > MOMENT_MS + 2 * tookMs;
}

/** What is remembered of the instance, as of the process that answers. */
export function memoryAt({ process }: Look, { known, report }: LastReport): InstanceMemory {
  return known ? memoryOf(report, process) : UNKNOWN_MEMORY;
}

/** What a pass knows beside the last report. */
export interface Meanwhile {
  readonly skips: NonNullable<Observation['skips']>;
  /** Holds that it saw itself, on the process that answers: its own work may have hidden them since. */
  readonly found: readonly RememberedHold[];
  /** Holds that reports name, and that it saw ended there. */
  readonly isEnded: (held: RememberedHold) => boolean;
  /** Slots to which it gave a weight when somebody had just taken their server out. */
  readonly ownWeights: NonNullable<Observation['ownWeights']>;
}

export function planFrom(
  fleet: Fleet,
  table: SlotTable,
  look: Look,
  last: LastReport,
  meanwhile?: Meanwhile,
): Plan {
  const { servers } = look.state;
  // What is parked, and gone from the instance already, is as it should be.
  const policies = decide(fleet, table)
    .filter(({ policy, parking }) => !parking || servers.some((seen) => seen.backend === policy.backend))
    .map(({ policy }) => policy);
  const memory = memoryAt(look, last);
  const { skips, found = [], isEnded = () => false, ownWeights } = meanwhile ?? {};
  const held = [...found, ...memory.held.filter((one) => !isEnded(one))];
  return planInstance(policies, table, {
    ...{ servers, memory: { ...memory, held }, sessions: look.sessions },
    able: capabilitiesOf(look.info.version),
    ...(skips && { skips }),
    ...(ownWeights && { ownWeights }),
  });
}

/**
 * Who is still connected matters only where something drains or a server may have to be deleted, and costs a command
 * for each such backend.
 */
async function readSessions(session: RuntimeSession, table: SlotTable, servers: readonly ObservedServer[]) {
  const present = observedBySlot(servers);
  const backends = Object.entries(table.backends)
    .filter(([name, backend]) =>
      backend.slots.some((slot, index) => {
        if (slot.state === 'serving') return false;
        const seen = present.get({ backend: name, slot: slotName(backend, index + 1) });
        return seen !== undefined && (slot.state === 'draining' || seen.forcedId);
      }),
    )
    .map(([name]) => name);
  return new Map(
    await Promise.all(
      backends.map(
        async (name): Promise<[string, ReadonlyMap<string, number>]> => [
          name,
          await session.readSessions(name),
        ],
      ),
    ),
  );
}
