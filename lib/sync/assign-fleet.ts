/** Step one of a pass: from Consul to the fleet's next slot table, and its conditional write. */

import { type Decision, decide, unlistedBackends } from '../model/deciding.ts';
import { type Endpoint, endpointKey } from '../model/endpoint.ts';
import type { BackendPolicy, Fleet } from '../model/fleet.ts';
import { MOST_REFUSED } from '../model/limits.ts';
import type { Reading } from '../model/service-entry.ts';
import { type BackendSlots, isUntouched, type SlotTable, slotsOfBackend } from '../model/slot-table.ts';
import type { RenderedConfiguration } from '../render/configuration.ts';
import { assignBackend } from '../slots/assign.ts';
import { parkSlots } from '../slots/park.ts';
import { keepStays } from '../slots/stays.ts';
import { slotTableKey } from '../store/keys.ts';
import type { StoredObject } from '../store/object-store.ts';
import { decodeSlotTable, encodeSlotTable } from '../store/slot-table-document.ts';
import { adopt } from './adopt.ts';
import { decided } from './decided.ts';
import { newestGeneration } from './newest-generation.ts';
import { nextConfiguration } from './next-configuration.ts';
import type { SyncPorts } from './ports.ts';
import type { ToPublish } from './publish.ts';
import { type ConsulFailure, type EntriesByService, readFleetEndpoints } from './read-endpoints.ts';
import { continueTrail } from './trail.ts';

/** Somebody else publishing this often between two of our reads is not a race any more. */
const MOST_RACES = 20;

/** A table that is not published yet. */
export interface Proposal {
  readonly table: SlotTable;
  /** Null: the fleet has no template, or `configurationWithheld` says why none is published. */
  readonly configuration: RenderedConfiguration | null;
  /** Why the published configuration stays although the fleet has a template; null: it does not. */
  readonly configurationWithheld: string | null;
  /** Whether `table` is newer than what is stored. */
  readonly changed: boolean;
  readonly consulFailures: readonly ConsulFailure[];
  /** What the proposal is based on; null: there was none. */
  readonly stored: { readonly table: SlotTable; readonly object: StoredObject } | null;
  readonly receivedAtMs: number | null;
}

export interface FleetAssignment extends ToPublish {
  /** Whether we published it, just now. */
  readonly changed: boolean;
  /** Why the published configuration stays although the fleet has a template; null: it does not. */
  readonly configurationWithheld: string | null;
  readonly consulFailures: readonly ConsulFailure[];
}

/** Neither Consul nor a table: there is nothing to work from. Trying again later can help. */
export class ConsulUnavailable extends Error {
  override readonly name = 'ConsulUnavailable';
  readonly code = 'SYNC_CONSUL_UNAVAILABLE';
}

/**
 * The table that a pass would publish now; writes nothing.
 *
 * `stored`, the table's object, was read before Consul is asked here. Whoever publishes after that makes our write fail, and whoever
 * published before had asked Consul before: so an older answer never replaces a newer one.
 *
 * @param stored null: there is no table yet.
 * @param receivedAtMs when the oldest event came that asks for this; null: none does.
 * @param above the new table's generation is above this one: something has it already. Without a table, whatever there
 *   is in the store is asked for that.
 * @throws DocumentInvalid, TemplateInvalid. ConsulUnavailable when there is neither a table nor anything to make one
 *   from.
 */
export async function proposeTable(
  ports: SyncPorts,
  fleet: Fleet,
  stored: StoredObject | null,
  fallback: EntriesByService,
  receivedAtMs: number | null = null,
  above = 0,
): Promise<Proposal> {
  const previous = stored === null ? null : decodeSlotTable(slotTableKey(fleet.name), stored.body);
  const decisions = decide(fleet, previous);
  const read = decisions.filter(({ parking }) => !parking).map(({ policy }) => policy);
  const { backends: readings, indexes, failures } = await readFleetEndpoints(ports, fleet, read, fallback);
  if (previous === null && readings.size === 0) {
    throw new ConsulUnavailable(failures.map((failure) => failure.error).join('; '));
  }

  const used = previous === null ? Math.max(above, await newestGeneration(ports.store, fleet)) : above;
  const generation = Math.max(previous?.generation ?? 0, used) + 1;
  const backends = await assignBackends(ports, fleet, previous, decisions, readings, generation);
  const forgotten = previous?.forgotten;
  const known = { backends, ...(forgotten && { forgotten }) };
  const { digests, rendering, configuration, withheld } = nextConfiguration(fleet, previous, known);
  const based = stored === null || previous === null ? null : { table: previous, object: stored };
  const base = {
    ...{ receivedAtMs, stored: based, consulFailures: failures },
    ...{ configuration, configurationWithheld: withheld },
  };
  if (
    previous !== null &&
    previous.generation > used &&
    sameBackends(previous.backends, backends) &&
    sameDigests(previous.configuration, digests)
  ) {
    return { ...base, table: previous, changed: false };
  }
  const trail = continueTrail(previous, { generation, indexes, receivedAtMs, assignedAtMs: ports.now() });
  const head = { version: 1, fleet: fleet.name, generation, configuration: digests } as const;
  const table: SlotTable = { ...head, ...(rendering && { rendering }), trail, ...known };
  return { ...base, table, changed: true };
}

/**
 * Publishes the table that was proposed, if it is a new one. A lost race starts again from the table that won.
 *
 * @throws as `proposeTable`, StoreFailed; nothing was published then.
 */
export async function publishTable(
  ports: SyncPorts,
  fleet: Fleet,
  proposal: Proposal,
  fallback: EntriesByService,
  above = 0,
): Promise<FleetAssignment> {
  const key = slotTableKey(fleet.name);
  let proposed = proposal;
  for (let race = 0; race < MOST_RACES; race += 1) {
    const { table, stored, receivedAtMs } = proposed;
    if (!proposed.changed && stored !== null)
      return { ...proposed, text: stored.object.body, previous: null };
    const { generation } = table;
    const text = encodeSlotTable(table);
    const put = await ports.store.putIf(key, text, stored?.object.etag ?? null);
    if (put !== 'lost-race') {
      ports.log({ event: 'table_published', level: 'info', fleet: fleet.name, generation });
      const previous = stored === null ? null : { table: stored.table, text: stored.object.body };
      return { ...proposed, text, previous };
    }
    ports.log({ event: 'table_race_lost', level: 'info', fleet: fleet.name, generation });
    const winner = await ports.store.get(key);
    proposed = await proposeTable(ports, fleet, winner, fallback, receivedAtMs, above);
  }
  throw new Error(`fleet ${fleet.name}: lost the race for its slot table ${MOST_RACES} times; try again`);
}

/**
 * A backend that could not be read stays as it is. So does one that this fleet does not list: another hitless.yml may,
 * and taking servers out because a name is missing takes an operator's word (`hitless forget`).
 */
async function assignBackends(
  ports: SyncPorts,
  fleet: Fleet,
  previous: SlotTable | null,
  decisions: readonly Decision[],
  readings: ReadonlyMap<string, Reading>,
  generation: number,
): Promise<Record<string, BackendSlots>> {
  const of = (backend: string) => (previous === null ? undefined : slotsOfBackend(previous, backend));
  const fresh = decisions
    .map(({ policy }) => policy)
    .filter(({ backend }) => readings.has(backend) && isFresh(of(backend)));
  const adopted = await adopt(ports, fleet, fresh, readings);
  const nowMs = ports.now();
  const assigned: Record<string, BackendSlots> = {};
  for (const name of unlistedBackends(fleet, previous)) {
    const kept = of(name);
    if (kept !== undefined) assigned[name] = kept;
  }
  for (const decision of decisions) {
    const { policy, parking } = decision;
    const { backend } = policy;
    const reading = readings.get(backend);
    const stored = of(backend) ?? null;
    const before = adopted.has(backend) ? null : stored;
    const known = adopted.get(backend) ?? new Map<number, Endpoint>();
    const slots = () => {
      if (parking) return before === null ? null : parkSlots(before, policy, nowMs);
      if (reading === undefined) return before;
      const next = assignBackend({ previous: before, reading, policy, nowMs, adopted: known });
      return keepStays(before, next, reading, { generation, adopted: adopted.has(backend) });
    };
    const next = decided(slots(), stored, decision, fleet.writtenAtMs);
    if (next === null) continue;
    assigned[backend] = next;
    if (next !== stored) tellDecision(ports, fleet, decision, stored, next);
    if (reading !== undefined && next !== stored) tell(ports, fleet, policy, reading, next);
  }
  return assigned;
}

/** Nobody has a slot in it yet, so whom an instance serves already still counts. */
function isFresh(stored: BackendSlots | undefined): boolean {
  return stored === undefined || isUntouched(stored);
}

/** Whose word counts where two differ: said once, with the table that says so from then on. */
function tellDecision(
  { log }: SyncPorts,
  fleet: Fleet,
  { policy: { backend }, ours, differs }: Decision,
  stored: BackendSlots | null,
  next: BackendSlots,
): void {
  if (differs.length === 0) return;
  const facts = { fleet: fleet.name, backend, keys: differs.join(', ') };
  if (ours) log({ event: 'policy_changed', level: 'info', ...facts });
  else if (next.overruled !== stored?.overruled) {
    const writtenAtMs = fleet.writtenAtMs ?? null;
    const byMs = next.policy?.writtenAtMs ?? null;
    log({ event: 'policy_overruled', level: 'warn', ...facts, writtenAtMs, overruledByWrittenAtMs: byMs });
  }
}

/** What a person should know about the backend's new state. */
function tell(
  { log }: SyncPorts,
  fleet: Fleet,
  { backend }: BackendPolicy,
  reading: Reading,
  next: BackendSlots,
): void {
  for (const { address, port, reason } of next.refused) {
    log({ event: 'endpoint_refused', level: 'warn', fleet: fleet.name, backend, address, port, reason });
  }
  const facts = { fleet: fleet.name, backend };
  const more = next.refusedMore;
  if (more !== undefined) log({ event: 'endpoint_refused', level: 'warn', ...facts, more });
  for (const notice of reading.notices.slice(0, MOST_REFUSED)) {
    log({ event: 'endpoint_noticed', level: 'info', ...facts, notice });
  }
  const unnamed = reading.notices.length - MOST_REFUSED;
  if (unnamed > 0) log({ event: 'endpoint_noticed', level: 'info', ...facts, more: unnamed });
  for (const [index, slot] of next.slots.entries()) {
    if (slot.state !== 'serving' || slot.withheld === null) continue;
    const { reason, sinceMs, untilMs } = slot.withheld;
    const server = `${next.server}${index + 1}`;
    const facts = { server, endpoint: endpointKey(slot), reason, sinceMs, untilMs };
    log({ event: 'change_withheld', level: 'warn', fleet: fleet.name, backend, ...facts });
  }
}

function sameBackends(one: SlotTable['backends'], other: SlotTable['backends']): boolean {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].every(
    (name) => slotsOfBackend({ backends: one }, name) === slotsOfBackend({ backends: other }, name),
  );
}

function sameDigests(one: SlotTable['configuration'], other: SlotTable['configuration']): boolean {
  return one?.sha256 === other?.sha256 && one?.structure === other?.structure;
}
