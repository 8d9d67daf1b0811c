/**
 * Slots that an instance does not have, added to its process: `add server`, until a reload brings them with the file.
 *
 * A server is added as a parked slot is: in maint, at the placeholder, with a parked slot's weight. From there on it is
 * planned like any other, so whatever its process or ours comes to, the next pass finds a slot that it knows. Two
 * things tell it from a declared one: its id was chosen, which no rendered line does, and its checks do not run yet.
 *
 * The id is the place that the slot has in the rendered configuration, so that consistent hashing finds the same
 * server after the reload, and on instances that reloaded already.
 */

import type { Capabilities } from '../model/capabilities.ts';
import { since } from '../model/capabilities.ts';
import type { RuntimeCommand } from '../model/command.ts';
import type { BackendPolicy } from '../model/fleet.ts';
import type { ObservedServer } from '../model/observed.ts';
import { optionsOf, plainOptions } from '../model/server-options.ts';
import { type BackendSlots, slotName } from '../model/slot-table.ts';

export interface Growth {
  readonly command: Extract<RuntimeCommand, { kind: 'add-server' }>;
  /** The server as it is shown once it is added. */
  readonly seen: ObservedServer;
}

/**
 * @param missing numbers of the slots to add, from 1.
 * @param servers all that the instance has in the backend; one at least.
 * @returns by slot name, or why not: the rest of a sentence that begins with the missing slots.
 */
export function grow(
  policy: BackendPolicy,
  table: BackendSlots,
  missing: readonly number[],
  servers: ReadonlyMap<string, ObservedServer>,
  able: Capabilities,
  weight: number,
): ReadonlyMap<string, Growth> | string {
  const obstacle = whyNot(policy, table, servers, able);
  if (obstacle !== undefined) return obstacle;
  const ids = freeIds(table, servers);
  const grown = new Map<string, Growth>();
  for (const number of missing) {
    const server = slotName(table, number);
    const words = plainOptions(optionsOf(policy.options, server));
    if ('refused' in words) return notPlain(words.refused);
    const options = able.poolsForAddedServers ? words : [...DEFAULT_POOL, ...words];
    grown.set(server, added(policy, server, options, ids(number), weight));
  }
  return grown;
}

/** HAProxy's own defaults; before the options, whose words win. */
const DEFAULT_POOL = ['pool-max-conn', '-1', 'pool-purge-delay', '5s'];

/** What holds for every slot of the backend. */
function whyNot(
  policy: BackendPolicy,
  table: BackendSlots,
  servers: ReadonlyMap<string, ObservedServer>,
  able: Capabilities,
): string | undefined {
  const { version } = able;
  if (!able.addServer) {
    return `HAProxy ${version} cannot be given servers at run time (${since('addServer')} and newer can)`;
  }
  const words = plainOptions(optionsOf(policy.options, slotName(table, 1)));
  if ('refused' in words) return notPlain(words.refused);
  if (words.includes('cookie') && !able.addServerWithCookie) {
    return `HAProxy ${version} gives no cookie to a server that is added at run time (${since('addServerWithCookie')} and newer do)`;
  }
  const left = leftToDefaults(table, servers).find((word) => !words.includes(word));
  return left === undefined
    ? undefined
    : `a server that is added at run time would lack \`${left}\`, which the others have from \`default-server\`: write it into \`options\``;
}

function notPlain(refused: string): string {
  return `${refused}, which the Runtime API would not read as the configuration does`;
}

/**
 * What the declared slots have and a new server gets from its own options alone, as far as HAProxy shows it: without
 * `ssl` it would speak plain text to a TLS port, and without `check` it would count as up for ever.
 */
function leftToDefaults(table: BackendSlots, servers: ReadonlyMap<string, ObservedServer>): string[] {
  const declared = table.slots.flatMap((_, index) => {
    const seen = servers.get(slotName(table, index + 1));
    return seen === undefined || seen.forcedId ? [] : [seen];
  });
  return [
    ...(declared.some((seen) => seen.ssl) ? ['ssl'] : []),
    ...(declared.some((seen) => seen.healthCheck !== 'none') ? ['check'] : []),
    ...(declared.some((seen) => seen.agentCheck !== 'none') ? ['agent-check'] : []),
  ];
}

/** Where slot 1 is or would be, and so on; behind all others where something else is in the way. */
function freeIds(
  table: BackendSlots,
  servers: ReadonlyMap<string, ObservedServer>,
): (number: number) => number {
  const used = new Set([...servers.values()].map(({ id }) => id));
  let behind = Math.max(...used) + table.slots.length;
  const first = table.slots.flatMap((_, index) => {
    const seen = servers.get(slotName(table, index + 1));
    return seen === undefined ? [] : [seen.id - index];
  })[0];
  return (number) => {
    const own = first === undefined ? 0 : first + number - 1;
    if (own > 0 && !used.has(own)) {
      used.add(own);
      return own;
    }
    behind += 1;
    return behind;
  };
}

function added(
  { backend, placeholder: { address, port } }: BackendPolicy,
  server: string,
  words: readonly string[],
  id: number,
  weight: number,
): Growth {
  const checks = (word: string) => (words.includes(word) ? 'disabled' : 'none');
  return {
    command: {
      ...{ kind: 'add-server', backend, server, address, port, weight, id },
      options: words.join(' '),
    },
    seen: {
      ...{ backend, server, address, port, weight, id, configuredWeight: weight, forcedId: true },
      ...{ admin: 'maint', adminMask: 5, operational: 'stopped', ssl: words.includes('ssl') },
      healthCheck: checks('check'),
      agentCheck: checks('agent-check'),
    },
  };
}
