/** What is wrong after a case. Nothing here asks the code under test what it thinks of itself. */

import { endpointKey, sameEndpoint } from '../../../lib/model/endpoint.ts';
import type { ObservedServer } from '../../../lib/model/observed.ts';
import type { Slot } from '../../../lib/model/slot-table.ts';
import type { Ran } from './schedule.ts';
import { storedReport, storedSlots } from './stored.ts';
import { TENANTS } from './tenants.ts';
import type { Course, World } from './world.ts';

export type Law =
  | 'every pass ends'
  | 'the table is what Consul has'
  | 'the instance equals the table'
  | 'a hold is kept'
  | 'a hold is reported'
  | 'nothing is reported falsely'
  | 'no request fails'
  | 'no wrong tenant is served';

export interface Finding {
  readonly law: Law;
  /** Null: not about one. */
  readonly server: string | null;
  /** When, for a request; null: after the last pass. */
  readonly at: number | null;
  readonly text: string;
}

export async function judge(world: World, ran: Ran): Promise<Finding[]> {
  const { course } = ran;
  const slots = storedSlots(course);
  const servers = await world.host.servers();
  return [
    ...unended(ran),
    ...tableAgainstConsul(world, course, slots),
    ...[...slots].flatMap(([server, slot]) =>
      instanceAgainstTable(course, server, slot, servers.get(server)),
    ),
    ...holdsRemembered(course, slots),
    ...requestsOf(world, ran),
  ];
}

function unended({ ends }: Ran): Finding[] {
  return [...ends].flatMap(([pass, end]) =>
    end === undefined ? [finding('every pass ends', null, `the ${pass} pass did not`)] : [],
  );
}

function tableAgainstConsul(world: World, course: Course, slots: ReadonlyMap<string, Slot>): Finding[] {
  const served = [...slots.values()].flatMap((slot) =>
    slot.state === 'serving' ? [`${endpointKey(slot)} weight ${slot.weight}`] : [],
  );
  const wanted = [...course.registered.values()].map(
    ({ tenant, weight }) => `${world.keyOf(tenant)} weight ${weight}`,
  );
  const [has, should] = [served.sort().join(', '), wanted.sort().join(', ')];
  return has === should ? [] : [finding('the table is what Consul has', null, `${has} instead of ${should}`)];
}

function instanceAgainstTable(
  course: Course,
  server: string,
  slot: Slot,
  seen: ObservedServer | undefined,
): Finding[] {
  if (seen === undefined) {
    if (slot.state === 'free') return [];
    return [finding('the instance equals the table', server, 'there is no such server')];
  }
  const shown = `${endpointKey(seen)} ${seen.admin} weight ${seen.weight}`;
  if (slot.state === 'serving') {
    const hold = course.holds.get(endpointKey(slot));
    const { address, port, weight } = slot;
    if (!sameEndpoint(slot, seen) || (hold === undefined && seen.weight !== weight && seen.admin === 'ready'))
      return [differs(server, shown, `${address}:${port} weight ${weight}`)];
    if (hold !== undefined)
      return seen.admin === hold.state
        ? []
        : [finding('a hold is kept', server, `${shown}, held in ${hold.state}`)];
    return seen.admin === 'ready' ? [] : [differs(server, shown, 'ready')];
  }
  if (slot.state === 'draining' && seen.admin === 'drain') {
    if (sameEndpoint(slot, seen) && seen.weight === 0) return [];
    return [differs(server, shown, `${endpointKey(slot)} drain weight 0`)];
  }
  const parked = TENANTS.length;
  if (seen.admin === 'maint' && seen.address.endsWith(`.${parked}`)) return [];
  return [differs(server, shown, slot.state)];
}

/** The reports are what the next process is restored from. */
function holdsRemembered(course: Course, slots: ReadonlyMap<string, Slot>): Finding[] {
  const held = storedReport(course)?.operatorHeld ?? [];
  const lost = [...slots].flatMap(([server, slot]) => {
    const hold = slot.state === 'serving' ? course.holds.get(endpointKey(slot)) : undefined;
    if (hold === undefined) return [];
    const own = held.find((one) => one.slot === server);
    if (own?.state === hold.state) return [];
    return [
      finding('a hold is reported', server, `reported ${own?.state ?? 'not held'}, held in ${hold.state}`),
    ];
  });
  const invented = held.flatMap((one) =>
    course.holds.has(endpointKey(one))
      ? []
      : [finding('nothing is reported falsely', one.slot, `${endpointKey(one)} reported in ${one.state}`)],
  );
  return [...lost, ...invented];
}

/**
 * Who left may answer until a pass that knows has ended, and again while a pass goes on that was held up; nobody who
 * never came may.
 */
function requestsOf(world: World, { course, resumedAt, endedAt }: Ran): Finding[] {
  const { servedFrom, registered, traffic, everRegistered } = course;
  const present = new Set([...registered.values()].map(({ tenant }) => tenant));
  const knowingFrom = servedFrom ?? endedAt;
  return traffic.requests.flatMap(({ from, to, tenant, failure }): Finding[] => {
    const at = from;
    if (failure !== null)
      return from < knowingFrom ? [] : [{ law: 'no request fails', server: null, at, text: failure }];
    if (tenant === null) return [];
    const wrong = { law: 'no wrong tenant is served', server: null, at, text: `${tenant} answered` } as const;
    if (!everRegistered.has(world.keyOf(tenant))) return [wrong];
    const settled = from >= endedAt || (from === resumedAt && to === resumedAt);
    return settled && !present.has(tenant) ? [wrong] : [];
  });
}

function differs(server: string, shown: string, wanted: string): Finding {
  return finding('the instance equals the table', server, `${shown} instead of ${wanted}`);
}

function finding(law: Law, server: string | null, text: string): Finding {
  return { law, server, at: null, text };
}
