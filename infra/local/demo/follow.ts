/** Waiting until the load balancers have followed what happened. */

import { slotTableKey } from '../../../lib/store/keys.ts';
import { decodeSlotTable } from '../../../lib/store/slot-table-document.ts';
import { FLEET } from '../system/configuration.ts';
import type { LocalInstance, LocalSystem } from '../system.ts';
import { until } from '../until.ts';
import type { WebServer } from '../web-server.ts';
import type { Activity } from './activity.ts';
import { isInRotation, serversOf } from './slots.ts';
import type { Answer, Traffic } from './traffic.ts';

/** What follows an event is over long before that. */
const WITHIN_MS = 20_000;
/** How many requests more are looked at through each load balancer before a step counts as over. */
const WATCHED_REQUESTS = 80;

/** Until every instance has sent a request to every server, among the answers after the `from`th. */
export async function allServe(
  traffic: Traffic,
  from: number,
  instances: readonly LocalInstance[],
  servers: readonly WebServer[],
): Promise<void> {
  const pairs = instances.flatMap(({ name }) => servers.map((server) => `${name} ${server.name}`));
  const served = () => new Set(traffic.answers.slice(from).map(pairOf));
  await until(() => pairs.every((pair) => served().has(pair)), {
    what: `every load balancer to send requests to ${names(servers)}`,
    within: WITHIN_MS,
  });
}

/** Which load balancer had which server answer. */
export function pairOf({ instance, server }: Answer): string {
  return `${instance} ${server}`;
}

/** Until no instance has one of the servers in rotation, as `show servers state` tells. */
export async function allLeft(
  instances: readonly LocalInstance[],
  servers: readonly WebServer[],
): Promise<void> {
  if (servers.length === 0) return;
  const ports = new Set(servers.map(({ port }) => port));
  await until(
    async () => {
      const all = await Promise.all(instances.map(({ haproxy }) => serversOf(haproxy)));
      return !all.flat().some((server) => ports.has(server.port) && isInRotation(server));
    },
    { what: `${names(servers)} to be out of rotation everywhere`, within: WITHIN_MS },
  );
}

/** Until the last pass was over the stored table, and nothing in it is still draining. Returns its generation. */
export async function allSettled(system: LocalSystem, activity: Activity, mark: number): Promise<number> {
  const key = slotTableKey(FLEET);
  return until(
    async () => {
      const stored = await system.store.get(key);
      if (stored === null) return undefined;
      const { generation, backends } = decodeSlotTable(key, stored.body);
      const slots = Object.values(backends).flatMap((backend) => backend.slots);
      if (slots.some(({ state }) => state === 'draining')) return undefined;
      return activity.lastPassSince(mark) === generation ? generation : undefined;
    },
    { what: 'a pass over a table without drains', within: WITHIN_MS },
  );
}

/** Until every load balancer has answered some more requests: what goes wrong a moment later belongs to the step too. */
export async function watched(traffic: Traffic, instances: readonly LocalInstance[]): Promise<void> {
  const from = traffic.answers.length;
  await until(
    () => {
      const answers = Map.groupBy(traffic.answers.slice(from), ({ instance }) => instance);
      return instances.every(({ name }) => (answers.get(name)?.length ?? 0) >= WATCHED_REQUESTS);
    },
    { what: `${WATCHED_REQUESTS} more answers through each load balancer`, within: WITHIN_MS, every: 100 },
  );
}

function names(servers: readonly WebServer[]): string {
  return servers.map(({ name }) => name).join(', ');
}
