/**
 * (a) Many changed slots on one real HAProxy: the pass's own path, verified, against a client that sends the same
 * commands without thinking (HAProxy's own limit), and against one connection per command: for the same commands, and
 * for those of the article's script, which sends an address and a state for each slot.
 */

import pLimit from 'p-limit';
import { startHaproxy } from '../../infra/local/haproxy.ts';
import { capabilitiesOf } from '../../lib/model/capabilities.ts';
import type { Endpoint } from '../../lib/model/endpoint.ts';
import type { Fleet } from '../../lib/model/fleet.ts';
import type { SlotTable } from '../../lib/model/slot-table.ts';
import { UNKNOWN_MEMORY } from '../../lib/plan/instance-memory.ts';
import { planInstance } from '../../lib/plan/plan-instance.ts';
import { encodeChange } from '../../lib/runtime-api/commands/change.ts';
import { openSession } from '../../lib/runtime-api/connect.ts';
import { assignBackend } from '../../lib/slots/assign.ts';
import { applyToShard } from '../../lib/sync/apply-shard.ts';
import { momentNow } from '../../lib/sync/moment.ts';
import { recallShard, shardOf } from '../../lib/sync/shard-reports.ts';
import { endpoint, policy, reading } from '../slots/records.ts';
import { type Benchmark, type Row, verify } from './benchmark.ts';
import { createMemoryStore } from './memory-store.ts';
import { shownServers } from './shown-servers.ts';
import { ask, sendOneByOne, sendPipelined } from './slots/bare-client.ts';
import { type Spent, timedSessions } from './slots/timed-session.ts';
import { median, timed } from './statistics.ts';

const BACKEND = 'be_template';
const WARM_UP = 3;
const NOW_MS = Date.UTC(2026, 0, 1);

export const slots: Benchmark = {
  name: 'slots',
  title: '1,000 and 5,000 changed slots on one HAProxy',

  async run({ runs, size, tell }) {
    const counts = size === 'small' ? [200, 1_000] : [1_000, 5_000];
    const rounds = runs ?? (size === 'small' ? 3 : 9);
    const rows: Row[] = [];
    let version = '';
    for (const [index, count] of counts.entries()) {
      tell(`${count} slots, ${rounds} rounds`);
      const bench = await startBench(count);
      try {
        version = bench.version;
        rows.push(...(await measure(bench, rounds, { withArticle: index === 0 })));
      } finally {
        await bench.stop();
      }
    }
    return { sizes: { rounds, slots: counts, HAProxy: version }, rows };
  },
};

interface Bench {
  readonly count: number;
  readonly version: string;
  readonly socket: string;
  readonly fleet: Fleet;
  readonly table: SlotTable;
  readonly endpoints: readonly Endpoint[];
  stop(): Promise<void>;
}

async function startBench(count: number): Promise<Bench> {
  const haproxy = await startHaproxy({
    backend: `backend ${BACKEND}\n  balance roundrobin\n  server-template websrv 1-${count} 0.0.0.0:80 disabled\n`,
  });
  const own = policy({ slots: count });
  const fleet: Fleet = {
    ...{
      name: 'edge',
      instancesFrom: null,
      tls: {},
      snapshotEveryMs: 900_000,
      reportEveryMs: 0,
      shard: 50,
      timeoutMs: 120_000,
      template: null,
    },
    instances: [{ name: 'lb1', address: { scheme: 'unix', path: haproxy.socket } }],
    backends: [own],
  };
  const endpoints = Array.from({ length: count }, (_, number) => endpoint(number + 1));
  const assigned = assignBackend({ previous: null, reading: reading(endpoints), policy: own, nowMs: NOW_MS });
  const table: SlotTable = {
    ...{ version: 1, fleet: 'edge', generation: 1, configuration: null },
    backends: { [BACKEND]: assigned },
  };
  const { version } = await infoOf(haproxy.socket);
  const { socket } = haproxy;
  return { count, version, socket, fleet, table, endpoints, stop: () => haproxy.stop() };
}

async function measure(
  bench: Bench,
  rounds: number,
  { withArticle }: { readonly withArticle: boolean },
): Promise<Row[]> {
  const { socket, count } = bench;
  const lines = await commandsOf(bench);
  const fewest = articleCommands(bench);
  const times: Record<'hitless' | 'same' | 'fewest' | 'sameOneByOne' | 'article', number[]> = {
    ...{ hitless: [], same: [], fewest: [], sameOneByOne: [], article: [] },
  };
  const spent: Spent = new Map();
  const note = async (
    round: number,
    name: keyof typeof times,
    work: () => Promise<void>,
    weight: boolean,
  ) => {
    await park(bench);
    const ms = await timed(work);
    await verifyServing(bench, weight);
    if (round >= 0) times[name].push(ms);
  };
  // The first rounds meet cold code, here and in HAProxy.
  for (let round = -WARM_UP; round < rounds; round += 1) {
    await note(round, 'same', () => sendPipelined(socket, lines), true);
    await note(round, 'hitless', () => apply(bench, round >= 0 ? spent : new Map()), true);
    await note(round, 'fewest', () => sendPipelined(socket, fewest), false);
  }
  // Apart: what thousands of connections leave behind would be cleared away in the time of the others.
  for (let round = withArticle ? -WARM_UP : rounds; round < rounds; round += 1) {
    await note(round, 'sameOneByOne', () => sendOneByOne(socket, lines), true);
    await note(round, 'article', () => sendOneByOne(socket, fewest), false);
  }
  const ratio = (name: keyof typeof times, other: keyof typeof times) =>
    median(times[name].map((ms, round) => ms / (times[other][round] ?? Number.NaN)));
  const named = count.toLocaleString('en-US');
  const parts = [...spent].map(([part, ms]) => `${part} ${(ms / rounds).toFixed(1)}`).join(', ');
  return [
    {
      what: `${named} slots: Hitless, verified`,
      value: median(times.hitless),
      unit: 'ms',
      note: `mean ms waiting for the Runtime API, some at the same time: ${parts}`,
    },
    {
      what: `${named} slots: the same ${lines.length.toLocaleString('en-US')} commands, pipelined blindly`,
      value: median(times.same),
      unit: 'ms',
    },
    {
      what: `${named} slots: an address and a state each, pipelined blindly`,
      value: median(times.fewest),
      unit: 'ms',
      note: `${fewest.length.toLocaleString('en-US')} commands; Hitless adds two weights, its mark of unfinished work`,
    },
    ...(withArticle
      ? ([
          {
            what: `${named} slots: one connection per command, the same commands`,
            value: median(times.sameOneByOne),
            unit: 'ms',
          },
          {
            what: `${named} slots: one connection per command, an address and a state each`,
            value: median(times.article),
            unit: 'ms',
          },
        ] satisfies Row[])
      : []),
    {
      what: `${named} slots: Hitless against the blind client`,
      value: ratio('hitless', 'same'),
      unit: '×',
      bar: { atMost: 1.5 },
    },
    ...(withArticle
      ? ([
          {
            what: `${named} slots: Hitless faster than one connection per command, the same commands`,
            value: ratio('sameOneByOne', 'hitless'),
            unit: '×',
            bar: { atLeast: 12 },
          },
          {
            what: `${named} slots: Hitless faster than one connection per command, an address and a state each`,
            value: ratio('article', 'hitless'),
            unit: '×',
            bar: { atLeast: 12 },
            note: `a blind client that sends what Hitless sends is ${ratio('article', 'same').toFixed(1)} × faster`,
          },
        ] satisfies Row[])
      : []),
  ];
}

/** A store without reports: the report and the snapshot are written as after any change. */
async function apply({ fleet, table }: Bench, spent: Spent): Promise<void> {
  const ports = {
    store: createMemoryStore(),
    readService: async () => ({ entries: [] }),
    openSession: timedSessions(openSession, spent),
    now: () => NOW_MS,
    log: () => undefined,
  };
  const shard = shardOf(fleet, 0);
  const recalled = { shard, recalling: recallShard(ports, shard) };
  const [applied] = await applyToShard(ports, { table, at: momentNow(ports.now) }, recalled, pLimit(1), {
    snapshots: 'when-due',
  });
  verify(applied?.report.converged === true, `the instance converged: ${applied?.report.reason}`);
}

/** The very commands that a pass sends, in its order. */
async function commandsOf(bench: Bench): Promise<string[]> {
  const [instance] = bench.fleet.instances;
  if (instance === undefined) throw new RangeError('a fleet without instances');
  await park(bench);
  const session = await openSession(instance.address, { tls: {}, signal: AbortSignal.timeout(30_000) });
  try {
    const { servers } = await session.readServers();
    const able = capabilitiesOf(bench.version);
    const plan = planInstance(bench.fleet.backends, bench.table, {
      ...{ servers, able, memory: UNKNOWN_MEMORY, sessions: new Map() },
    });
    return plan.stages.flatMap(({ steps }) =>
      steps.flatMap(({ commands }) => commands.map((one) => encodeChange(one))),
    );
  } finally {
    await session.close();
  }
}

function articleCommands({ endpoints }: Bench): string[] {
  return endpoints.flatMap(({ address, port }, index) => [
    `set server ${BACKEND}/websrv${index + 1} addr ${address} port ${port}`,
    `set server ${BACKEND}/websrv${index + 1} state ready`,
  ]);
}

/** Back to where every round begins: in maint, at the placeholder, with the configured weight. */
async function park(bench: Bench): Promise<void> {
  const lines = Array.from({ length: bench.count }, (_, index) => `set server ${BACKEND}/websrv${index + 1}`);
  await sendPipelined(
    bench.socket,
    lines.flatMap((set) => [`${set} state maint`, `${set} addr 0.0.0.0 port 80`, `${set} weight 1`]),
  );
  await settled(bench, (server) => !server.ready && server.address === '0.0.0.0' && server.weight === 1);
}

async function verifyServing(bench: Bench, weight: boolean): Promise<void> {
  const wanted = new Map(
    bench.endpoints.map(({ address, port }, index) => [`websrv${index + 1}`, `${address}:${port}`]),
  );
  await settled(
    bench,
    (server) =>
      server.ready &&
      wanted.get(server.name) === `${server.address}:${server.port}` &&
      (!weight || server.weight === 1),
  );
}

type Shown = ReturnType<typeof shownServers>[number];

/** HAProxy 3.0 and newer apply addresses a moment later, so it is looked again for a while. */
async function settled({ socket, count }: Bench, isRight: (server: Shown) => boolean): Promise<void> {
  for (let look = 0; look < 200; look += 1) {
    const servers = shownServers(await ask(socket, `show servers state ${BACKEND}`));
    if (servers.length === count && servers.every(isRight)) return;
  }
  verify(false, `all ${count} slots are as they should be`);
}

async function infoOf(socket: string): Promise<{ readonly version: string }> {
  const answer = await ask(socket, 'show info');
  return { version: /^Version: (\S+)/m.exec(answer)?.[1] ?? 'unknown' };
}
