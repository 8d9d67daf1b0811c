/** The plan for one backend on one instance: verdicts on its slots, and what nobody can be a judge of. */

import type { Capabilities } from '../model/capabilities.ts';
import { endpointKey, sameEndpoint } from '../model/endpoint.ts';
import type { BackendPolicy } from '../model/fleet.ts';
import type { ObservedServer } from '../model/observed.ts';
import type { Change, Plan, PlannedHold, Problem } from '../model/plan.ts';
import { type BackendSlots, isUntouched, type Slot, slotName, stayOf } from '../model/slot-table.ts';
import { missingSlotsProblem } from './explain.ts';
import { type Growth, grow } from './grow.ts';
import { type Hold, holdOf, type Remembered } from './hold-of.ts';
import type { InstanceMemory, RememberedHold } from './instance-memory.ts';
import { judgeSlot, type SlotRules } from './judge-slot.ts';
import { keepLastServer } from './last-server.ts';
import { type Judged, stagesOf } from './stages.ts';

export interface BackendObservation {
  /** By server name; includes servers that are not slots. */
  readonly servers: ReadonlyMap<string, ObservedServer>;
  /** What the reports say of this instance. */
  readonly memory: InstanceMemory;
  /** Current sessions by server name; a server that is absent counts as busy. */
  readonly sessions: ReadonlyMap<string, number>;
  /** What this HAProxy can be asked for. */
  readonly able: Capabilities;
  /** Slots that take no step for now, by server name: HAProxy refused one, or somebody is connected still. */
  readonly skips: { readonly has: (server: string) => boolean };
  /** By server name: those whose weight is what this pass gave them while they were out of rotation. */
  readonly ownWeights: { readonly has: (server: string) => boolean };
}

export function planBackend(
  policy: BackendPolicy,
  table: BackendSlots,
  observation: BackendObservation,
): Plan {
  const { servers, memory, skips } = observation;
  const { backend } = policy;
  if (servers.size === 0) return { ...NOTHING, problems: [noSuchBackend(policy)] };
  if (isUntouched(table)) return NOTHING;
  const rules = rulesOf(policy, table, observation);
  const { grown, missingSlots, problems } = fillGaps(policy, table, observation, rules);
  const judged: Judged[] = [];
  const operatorHeld: PlannedHold[] = [];
  let undeletable = 0;

  for (const [index, slot] of table.slots.entries()) {
    const number = index + 1;
    const name = slotName(table, number);
    const growth = grown.get(name) ?? null;
    const seen = servers.get(name) ?? growth?.seen;
    if (seen === undefined) continue;
    const ownWeight = observation.ownWeights.has(name);
    const remembered = { ...rememberedOf(memory, backend, name, number, slot), ownWeight };
    const hold = holdOf(slot, seen, rules, remembered);
    if (hold !== null) operatorHeld.push(plannedHold(backend, name, slot, seen, hold, remembered));
    const idle = observation.sessions.get(name) === 0;
    const surplus = isSurplus(policy, number, slot, seen);
    const deletable =
      surplus && observation.able.deletesServersSafely && !memory.undeletable.has(`${backend}/${name}`);
    const verdict = judgeSlot(slot, seen, rules, { hold, idle, deletable });
    if (surplus && !deletable && verdict.kind === 'settled') undeletable += 1;
    if (verdict.kind === 'settled' || verdict.kind === 'held' || skips.has(name)) continue;
    if (verdict.kind === 'blocked') problems.push({ backend, slot: name, reason: verdict.reason });
    else judged.push({ seen, verdict, growth: growth?.command ?? null, deletable });
  }
  const all = [...servers.values()];
  const stages = stagesOf(judged, all, rules);
  const wanted = table.slots.some((slot) => slot.state === 'serving' && slot.weight !== 0);
  const kept = wanted ? keepLastServer(stages, all) : { stages, problems: [] };
  const stay = new Set(kept.problems.map(({ slot }) => slot));
  return {
    changes: judged.filter(({ seen }) => !stay.has(seen.server)).map(changeOf),
    stages: kept.stages,
    operatorHeld,
    missingSlots,
    problems: [...problems, ...kept.problems],
    notes: undeletable === 0 ? [] : [surplusNote(undeletable, policy, observation.able)],
  };
}

const NOTHING: Plan = {
  ...{ changes: [], stages: [], operatorHeld: [], missingSlots: [], problems: [], notes: [] },
};

function noSuchBackend({ backend }: BackendPolicy): Problem {
  const reason = `HAProxy has no backend ${backend} with servers; add it to its configuration or take it out of hitless.yml`;
  return { backend, slot: null, reason };
}

/** What was remembered of another stay is about somebody else. */
function rememberedOf(
  { held, isVerified }: InstanceMemory,
  backend: string,
  name: string,
  number: number,
  slot: Slot,
): Pick<Remembered, 'verified'> & { readonly held: RememberedHold | null } {
  const tenant = slot.state === 'free' ? slot.last : slot;
  const stay = stayOf(slot);
  const own = held.find(
    (one) =>
      one.backend === backend &&
      one.slot === name &&
      one.servingSinceMs === stay &&
      tenant !== null &&
      sameEndpoint(one, tenant),
  );
  return { held: own ?? null, verified: slot.state === 'serving' && isVerified(backend, number, slot) };
}

function plannedHold(
  backend: string,
  slot: string,
  of: Slot,
  seen: ObservedServer,
  hold: Hold,
  { held }: { readonly held: RememberedHold | null },
): PlannedHold {
  const { address, port } = (of.state === 'free' ? of.last : of) ?? seen;
  const since = held?.sinceMs === undefined ? {} : { sinceMs: held.sinceMs };
  return { backend, slot, address, port, servingSinceMs: stayOf(of) ?? 0, ...since, ...hold };
}

function surplusNote(count: number, { backend }: BackendPolicy, able: Capabilities): string {
  const [many, them] = count === 1 ? ['1 surplus server', 'it'] : [`${count} surplus servers`, 'them'];
  const why = able.deletesServersSafely ? `refused to delete ${them}` : 'may crash on `del server`';
  return `${many} of ${backend} stay${count === 1 ? 's' : ''} until the next reload: HAProxy ${able.version} ${why}`;
}

interface Gaps {
  readonly grown: ReadonlyMap<string, Growth>;
  readonly missingSlots: readonly string[];
  readonly problems: Problem[];
}

/** The slots that serve and that the instance does not have: servers to add, or why they are missing. */
function fillGaps(
  policy: BackendPolicy,
  table: BackendSlots,
  { servers, able, skips }: BackendObservation,
  { standardWeight }: SlotRules,
): Gaps {
  const gaps = table.slots.flatMap((slot, index) =>
    slot.state === 'serving' &&
    !servers.has(slotName(table, index + 1)) &&
    !skips.has(slotName(table, index + 1))
      ? [index + 1]
      : [],
  );
  if (gaps.length === 0) return { grown: new Map(), missingSlots: [], problems: [] };
  const grown = grow(policy, table, gaps, servers, able, standardWeight);
  if (typeof grown !== 'string') return { grown, missingSlots: [], problems: [] };
  const missingSlots = gaps.map((number) => `${policy.backend}/${slotName(table, number)}`);
  return {
    grown: new Map(),
    missingSlots,
    problems: [missingSlotsProblem(policy.backend, missingSlots, grown)],
  };
}

/**
 * Whether nobody needs the server of this slot any more. HAProxy does not say which servers were added at run time.
 * Hitless chooses the id of those it adds, which no rendered line does; and only what is beyond `slots` counts, so that
 * a configuration that gives ids itself keeps the servers it declares.
 */
function isSurplus(policy: BackendPolicy, number: number, slot: Slot, seen: ObservedServer): boolean {
  return slot.state === 'free' && number > policy.slots && seen.forcedId;
}

function rulesOf(policy: BackendPolicy, table: BackendSlots, { servers }: BackendObservation): SlotRules {
  const slots = table.slots.flatMap((_, index) => servers.get(slotName(table, index + 1)) ?? []);
  const crowd = new Map<string, number>();
  for (const seen of slots) {
    if (seen.admin === 'maint' && seen.weight > 0)
      crowd.set(endpointKey(seen), (crowd.get(endpointKey(seen)) ?? 0) + 1);
  }
  // A slot that was rendered while it drained has the configured weight 0; its neighbours tell the real one.
  const configured = Math.max(0, ...slots.map((seen) => seen.configuredWeight));
  return {
    placeholder: policy.placeholder,
    standardWeight: policy.weights ? 1 : configured || 1,
    isTemplateAddress: (endpoint) =>
      sameEndpoint(endpoint, policy.placeholder) || (crowd.get(endpointKey(endpoint)) ?? 0) > 1,
  };
}

function changeOf({ seen, verdict, growth }: Judged): Change {
  const { address, port } = verdict.endpoint;
  const weight = 'weight' in verdict ? verdict.weight : null;
  return {
    kind: growth === null ? verdict.kind : 'grow',
    backend: seen.backend,
    slot: seen.server,
    endpoint: { address, port },
    weight,
  };
}
