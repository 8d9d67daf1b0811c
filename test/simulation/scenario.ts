/** What is different from seed to seed before anything happens: the fleet, its policy, and who serves already. */

import { isIPv4 } from 'node:net';
import type { BackendPolicy, Fleet } from '../../lib/model/fleet.ts';
import type { Release, ServerLine } from './haproxy-process.ts';
import { type LineDelays, lineDelaysOf } from './line-delays.ts';
import type { Random } from './random.ts';
import type { Registration } from './simulated-consul.ts';

export interface Scenario {
  readonly fleet: Fleet;
  readonly releases: readonly Release[];
  /** What the instances start with, in the order of the fleet. */
  readonly configurations: readonly (readonly ServerLine[])[];
  readonly functionTimeoutMs: number;
  readonly concurrency: number;
  /** Null: what a pass writes to an instance at once comes in at once. */
  readonly lines: LineDelays | null;
  /** Every HAProxy that starts has the same pid. */
  readonly inContainers: boolean;
  /** How many of the events, 0 to 1, are several passes that are asked for at the same moment. */
  readonly crowds: number;
  /** How many of the faults of others happen, 0 to 1. */
  readonly faults: number;
}

const RELEASES: readonly Release[] = ['2.2', '2.6', '3.0', '3.2'];

export function scenarioOf(random: Random): Scenario {
  const names = Array.from({ length: random.between(1, 4) }, (_, index) => `lb${index + 1}`);
  const first = policyOf(random, 'be_web', 'web');
  const backends = [first];
  if (random.chance(0.3)) backends.push(policyOf(random, 'be_api', random.chance(0.5) ? 'web' : 'api'));
  const fleet: Fleet = {
    name: 'edge',
    instances: names.map((name) => ({ name, address: { scheme: 'tcp', host: name, port: 9999 } })),
    tls: {},
    instancesFrom: null,
    snapshotEveryMs: 60_000,
    reportEveryMs: random.pick([0, 60_000]),
    shard: random.chance(0.3) ? 2 : 50,
    timeoutMs: random.pick([2_000, 10_000]),
    template: { path: 'edge.cfg.j2', text: templateOf(backends) },
    backends,
  };
  const functionTimeoutMs = 30_000;
  const releases = names.map(() => random.pick(RELEASES));
  const concurrency = random.between(2, 4);
  const lines = lineDelaysOf(random.fork('lines'));
  return {
    fleet,
    releases,
    configurations: names.map(() => backends.flatMap((policy) => startOf(policy))),
    functionTimeoutMs,
    concurrency,
    lines,
    inContainers: random.fork('containers').chance(0.4),
    crowds: lines === null ? 0 : random.pick([0.1, 0.3, 0.6]),
    faults: lines === null ? 1 : random.pick([0.1, 0.3, 1]),
  };
}

function policyOf(random: Random, backend: string, service: string): BackendPolicy {
  return {
    backend,
    service,
    tags: random.chance(0.2) ? ['web'] : [],
    include: random.chance(0.3) ? ['passing', 'warning'] : ['passing'],
    weights: random.chance(0.4),
    server: 'srv',
    slots: random.between(2, 8),
    spare: random.between(0, 2),
    options: random.pick(['check', 'cookie {{ server }} check']),
    placeholder: { address: '0.0.0.0', port: 80 },
    drainMs: random.pick([0, 10_000, 30_000]),
    keep: random.pick([0, 0.3, 0.5, 0.5, 0.7]),
    holdMs: random.pick([20_000, 60_000, 90_000]),
    allowEmpty: random.chance(0.15),
  };
}

function templateOf(backends: readonly BackendPolicy[]): string {
  return backends.map(({ backend }) => `backend ${backend}\n{{ backends_${backend} }}\n`).join('\n');
}

/** As a `server-template` declares them: all disabled, at the placeholder. */
function startOf({ backend, server, slots, placeholder }: BackendPolicy): ServerLine[] {
  return Array.from({ length: slots }, (_, index) => ({
    backend,
    name: `${server}${index + 1}`,
    ...placeholder,
    weight: 1,
    disabled: true,
  }));
}

/** Some instances serve already when Hitless first sees them, each with an assignment of its own. */
export function adoptable(
  random: Random,
  lines: readonly ServerLine[],
  policy: BackendPolicy,
  registrations: readonly Registration[],
): ServerLine[] {
  const places = random
    .shuffled(registrations.filter(({ address, port }) => isIPv4(address) && port === 8080))
    .slice(0, policy.slots);
  const unique = new Map(places.map(({ address, port }) => [`${address}:${port}`, { address, port }]));
  const waiting = random.shuffled([...unique.values()]);
  return lines.map((line) => {
    const place = line.backend === policy.backend ? waiting.pop() : undefined;
    return place === undefined ? line : { ...line, ...place, disabled: false };
  });
}

const HOSTILE = [
  '224.0.0.1',
  '::1:8082',
  '0.0.0.0',
  '10.0.0.1;quit',
  '10.0.0.1\nshow info',
  '#1',
  'localhost',
  '',
];

/** A service instance that registers itself; a few are not what they should be. */
export function newcomer(random: Random, number: number): Registration {
  const hostile = random.chance(0.06);
  const six = random.chance(0.1);
  const address = six ? `2001:db8::${number.toString(16)}` : `10.0.0.${(number % 24) + 1}`;
  return {
    id: `i${number}`,
    address: hostile ? random.pick(HOSTILE) : random.chance(0.1) ? '' : address,
    nodeAddress: hostile ? random.pick(HOSTILE) : address,
    port: hostile && random.chance(0.3) ? random.pick([0, 70_000, -1, 80.5]) : 8080,
    tags: random.chance(0.85) ? ['web', 'v1'] : ['v1'],
    weight: random.chance(0.8) ? 1 : random.pick([5, 10, 300]),
    status: 'passing',
    maintenance: false,
  };
}
