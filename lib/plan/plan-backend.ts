/** The plan for one backend on one instance: verdicts on its slots, and what nobody can be a judge of. */

import type { Capabilities } from '../model/capabilities.ts';
import { type EndpointAddress, endpointKey, sameEndpoint } from '../model/endpoint.ts';
import type { BackendPolicy } from '../model/fleet.ts';
import type { ObservedServer } from '../model/observed.ts';
import type { Change, Plan, Problem } from '../model/plan.ts';
import type { HeldServer } from '../model/report.ts';
import { type BackendSlots, isUntouched, type Slot, slotName } from '../model/slot-table.ts';
import { missingSlotsProblem } from './explain.ts';
import { type Growth, grow } from './grow.ts';
import { judgeSlot, type SlotRules } from './judge-slot.ts';
import { type Judged, stagesOf } from './stages.ts';

export interface BackendObservation {
  /** By server name; includes servers that are not slots. */
  readonly servers: ReadonlyMap<string, ObservedServer>;
  /** What operators held on an earlier process of this instance; empty while the process is the same. */
  readonly heldBefore: readonly HeldServer[];
  /** Current sessions by server name; a server that is absent counts as busy. */
  readonly sessions: ReadonlyMap<string, number>;
  /** What this HAProxy can be asked for. */
  readonly able: Capabilities;
}

export function planBackend(
  policy: BackendPolicy,
  table: BackendSlots,
  observation: BackendObservation,
): Plan {
  if (observation.servers.size === 0) return { ...NOTHING, problems: [noSuchBackend(policy)] };
  if (isUntouched(table)) return NOTHING;
  const rules = rulesOf(policy, table, observation);
  const { grown, missingSlots, problems } = fillGaps(policy, table, observation, rules);
  const judged: Judged[] = [];
  const operatorHeld: HeldServer[] = [];

  for (const [index, slot] of table.slots.entries()) {
    const name = slotName(table, index + 1);
    const growth = grown.get(name) ?? null;
    const seen = observation.servers.get(name) ?? growth?.seen;
    if (seen === undefined) continue;
    const before = observation.heldBefore.find((held) => held.slot === name && isStill(held, slot));
    const idle = observation.sessions.get(name) === 0;
    const surplus = isSurplus(policy, index + 1, slot, seen);
    const verdict = judgeSlot(slot, seen, rules, { heldBefore: before?.state ?? null, idle, surplus });
    if (verdict.kind === 'settled') continue;
    if (verdict.kind === 'blocked')
      problems.push({ backend: policy.backend, slot: name, reason: verdict.reason });
    else if (verdict.kind === 'held') operatorHeld.push(held(policy, name, slot, verdict));
    else judged.push({ seen, verdict, growth: growth?.command ?? null, surplus });
    if ('state' in verdict && verdict.kind !== 'held' && verdict.state !== 'ready')
      operatorHeld.push(held(policy, name, slot, { ...verdict, state: verdict.state }));
  }
  return {
    changes: judged.map(changeOf),
    stages: stagesOf(judged, [...observation.servers.values()], rules),
    operatorHeld,
    missingSlots,
    problems,
    serving: table.slots.some((slot) => slot.state === 'serving' && slot.weight !== 0)
      ? [policy.backend]
      : [],
  };
}

const NOTHING: Plan = {
  ...{ changes: [], stages: [], operatorHeld: [], missingSlots: [], problems: [] },
  serving: [],
};

function noSuchBackend({ backend }: BackendPolicy): Problem {
  const reason = `HAProxy has no backend ${backend} with servers; add it to its configuration or take it out of hitless.yml`;
  return { backend, slot: null, reason };
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
  { servers, able }: BackendObservation,
  { standardWeight }: SlotRules,
): Gaps {
  const gaps = table.slots.flatMap((slot, index) =>
    slot.state === 'serving' && !servers.has(slotName(table, index + 1)) ? [index + 1] : [],
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

/** Whether it is about the same stay of the same endpoint. */
function isStill(held: HeldServer, slot: Slot): boolean {
  return slot.state === 'serving' && sameEndpoint(held, slot) && held.servingSinceMs === slot.sinceMs;
}

function held(
  { backend }: BackendPolicy,
  name: string,
  slot: Slot,
  { endpoint: { address, port }, state }: { endpoint: EndpointAddress; state: 'drain' | 'maint' },
): HeldServer {
  const servingSinceMs = slot.state === 'serving' ? slot.sinceMs : 0;
  return { backend, slot: name, address, port, state, servingSinceMs };
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
