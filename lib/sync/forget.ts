/** `hitless forget`: a backend that hitless.yml no longer lists leaves the slot table, by an operator's word alone. */

import { setTimeout as sleep } from 'node:timers/promises';
import { unlistedBackends } from '../model/deciding.ts';
import type { Fleet } from '../model/fleet.ts';
import {
  type BackendSlots,
  type DecidedPolicy,
  type SlotTable,
  slotsOfBackend,
} from '../model/slot-table.ts';
import { slotTableKey } from '../store/keys.ts';
import { decodeSlotTable, encodeSlotTable } from '../store/slot-table-document.ts';
import { type UnlistedBackend, unlistedStatuses } from './backend-status.ts';
import { nextConfiguration } from './next-configuration.ts';
import { type PassResult, passFleet } from './pass.ts';
import type { SyncPorts } from './ports.ts';
import { publish } from './publish.ts';
import { inTurn } from './turn.ts';

/** Somebody else publishing this often between our read and our write is not a race any more. */
const MOST_RACES = 20;
/** Of older ones nobody has the hitless.yml any more. */
const MOST_REMEMBERED = 50;
/** Between two looks at what drains. */
const LOOK_AGAIN_MS = 5_000;
/** For the passes themselves. */
const MARGIN_MS = 15_000;

export interface Forgetting {
  /** Of the table afterwards; 0: there is none. */
  readonly generation: number;
  /** Whether the table had it. */
  readonly known: boolean;
  /** What is left of it; null: it is not in the table any more. */
  readonly left: UnlistedBackend | null;
  /** The instances on which its servers are not known to be out. */
  readonly lagging: readonly { readonly instance: string; readonly reason: string }[];
}

/**
 * Takes the backend out of the table. On the instances its servers stay as they are. Once it is gone, or where it never
 * was, this does nothing.
 *
 * @param fleet does not list the backend.
 * @throws StoreFailed, DocumentInvalid; TemplateInvalid when the template still has its servers. Nothing was done then.
 */
export async function forgetBackend(
  ports: Pick<SyncPorts, 'store' | 'log' | 'now'>,
  fleet: Fleet,
  backend: string,
): Promise<Forgetting> {
  const { table, known } = await change(ports, fleet, (before) => {
    if (slotsOfBackend(before, backend) === undefined) return null;
    const { [backend]: _, ...backends } = before.backends;
    const others = (before.forgotten ?? []).filter((one) => one.backend !== backend);
    const forgotten = [...others, { backend, atMs: ports.now() }].slice(-MOST_REMEMBERED);
    return { backends, forgotten };
  });
  if (known) {
    const facts = { fleet: fleet.name, backend, generation: table?.generation ?? 0 };
    ports.log({ event: 'backend_forgotten', level: 'warn', ...facts });
  }
  return { generation: table?.generation ?? 0, known, left: null, lagging: [] };
}

export interface ParkOptions {
  /** Stay until it is gone, for at most its `hold` and its longest drain. */
  readonly wait: boolean;
  /** Told before each wait. */
  readonly waiting: (left: UnlistedBackend) => void;
}

/**
 * Takes the backend's servers out on the instances first: `keep` of them only when `hold` has passed since the first
 * call, each after its drain. That it is under way stands in the table, so every pass goes on with it, and calling again
 * asks how far it is. It leaves the table when this pass has read back from every instance that none is left there.
 *
 * @throws as `forgetBackend` and `passFleet`; what was done is done.
 */
export async function parkBackend(
  ports: SyncPorts,
  fleet: Fleet,
  backend: string,
  { wait, waiting }: ParkOptions,
): Promise<Forgetting> {
  const { table, known } = await change(ports, fleet, (before) => {
    const had = slotsOfBackend(before, backend);
    if (had === undefined || had.parkingSinceMs !== undefined) return null;
    const policy = had.policy ?? unknownPolicy(had);
    const marked: BackendSlots = { ...had, policy, parkingSinceMs: ports.now() };
    return { ...before, backends: { ...before.backends, [backend]: marked } };
  });
  const started = table === null ? undefined : slotsOfBackend(table, backend);
  if (table === null || started === undefined) {
    return { generation: table?.generation ?? 0, known, left: null, lagging: [] };
  }
  const { holdMs = 0, drainMs = 0 } = started.policy ?? {};
  const deadlineMs = (started.parkingSinceMs ?? 0) + holdMs + drainMs + MARGIN_MS;
  for (;;) {
    const result = await passFleet(ports, fleet, { entries: new Map(), snapshots: 'when-due' });
    const slots = slotsOfBackend(result.table, backend);
    if (slots === undefined)
      return { generation: result.table.generation, known: true, left: null, lagging: [] };
    const lagging = laggingOf(result, backend);
    const isOut = slots.slots.every(({ state }) => state === 'free');
    if (isOut && lagging.length === 0) return forgetBackend(ports, fleet, backend);
    const left = unlistedStatuses(fleet, result.table)[backend] ?? null;
    const { generation } = result.table;
    const sure = { generation, known: true, left, lagging };
    if (!wait || left === null || isOut || ports.now() >= deadlineMs) return sure;
    waiting(left);
    await sleep(Math.min(LOOK_AGAIN_MS, Math.max(nextMoment(slots) - ports.now() + 1, 250)));
  }
}

/** When something is due: the end of the guard, or of a drain. */
function nextMoment({ slots }: BackendSlots): number {
  return Math.min(
    ...slots.flatMap((slot) => {
      if (slot.state === 'draining') return [slot.untilMs];
      return slot.state === 'serving' && slot.withheld?.untilMs != null ? [slot.withheld.untilMs] : [];
    }),
  );
}

/** What another backend's trouble is does not matter here; an instance that was lost on the way does. */
function laggingOf({ applied }: PassResult, backend: string): Forgetting['lagging'] {
  return applied.flatMap(({ report, problems }) => {
    const own = problems.find((problem) => problem.backend === backend || problem.backend === '');
    if (own !== undefined) return [{ instance: report.instance, reason: own.reason }];
    return report.pid === null ? [{ instance: report.instance, reason: report.reason ?? 'not reached' }] : [];
  });
}

/** Of slots that an earlier release made: hitless.yml's own defaults. */
function unknownPolicy({ service, server, slots }: BackendSlots): DecidedPolicy {
  return {
    ...{ service, tags: [], include: ['passing'], weights: true, server, slots: slots.length, spare: 0 },
    ...{ options: '', placeholder: { address: '0.0.0.0', port: 80 }, drainMs: 30_000 },
    ...{ keep: 0.5, holdMs: 60_000, allowEmpty: false, writtenAtMs: 0 },
  };
}

type Content = Pick<SlotTable, 'backends' | 'forgotten'>;

type Ports = Pick<SyncPorts, 'store' | 'log'>;
type Edit = (before: SlotTable) => Content | null;

/** Publishes the table with what `edit` makes of it, when it is its turn. `known` says whether it made anything. */
async function change(ports: Ports, fleet: Fleet, edit: Edit) {
  return inTurn(ports, fleet, undefined, () => changeInTurn(ports, fleet, edit));
}

async function changeInTurn(
  ports: Ports,
  fleet: Fleet,
  edit: Edit,
): Promise<{ readonly table: SlotTable | null; readonly known: boolean }> {
  const key = slotTableKey(fleet.name);
  for (let race = 0; race < MOST_RACES; race += 1) {
    const stored = await ports.store.get(key);
    const before = stored === null ? null : decodeSlotTable(key, stored.body);
    const content = before === null ? null : edit(before);
    if (stored === null || before === null || content === null) return { table: before, known: false };
    const { digests, rendering, configuration } = nextConfiguration(fleet, before, content);
    const generation = before.generation + 1;
    const { backends, forgotten } = content;
    const table: SlotTable = {
      ...before,
      ...{ generation, configuration: digests, backends },
      ...(rendering && { rendering }),
      ...(forgotten && { forgotten }),
    };
    const text = encodeSlotTable(table);
    if ((await ports.store.putIf(key, text, stored.etag)) === 'lost-race') continue;
    ports.log({ event: 'table_published', level: 'info', fleet: fleet.name, generation });
    const previous = { table: before, text: stored.body };
    await publish(ports, fleet, { table, text, configuration, previous }).catch((failed: unknown) => {
      // The table is what counts; what could not be written beside it, the next pass writes.
      ports.log({ event: 'failed', level: 'error', fleet: fleet.name, error: String(failed) });
    });
    return { table, known: true };
  }
  throw new Error(`fleet ${fleet.name}: lost the race for its slot table ${MOST_RACES} times; try again`);
}

/** The backends that can be forgotten; null: the fleet has no table. */
export async function forgettable(
  { store }: Pick<SyncPorts, 'store'>,
  fleet: Fleet,
): Promise<readonly string[] | null> {
  const key = slotTableKey(fleet.name);
  const stored = await store.get(key);
  return stored === null ? null : unlistedBackends(fleet, decodeSlotTable(key, stored.body));
}
