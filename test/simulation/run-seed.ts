/** One simulation, from its seed to the rules that did not hold. */

import type { Fleet } from '../../lib/model/fleet.ts';
import { shardReportsKey, slotTableKey } from '../../lib/store/keys.ts';
import type { SyncPorts } from '../../lib/sync/ports.ts';
import { type Cast, mend, runCourse, runSchedule } from './course.ts';
import { FunctionsPlatform } from './functions-platform.ts';
import { type HaproxyObserver, targetOf } from './haproxy-process.ts';
import { Host } from './host.ts';
import { Operators } from './operators.ts';
import { StoredReports } from './reports.ts';
import { rules as allRules } from './rules/all.ts';
import { leavesHeld, namedSlots } from './rules/named-slots.ts';
import type { Published, Rule, Scene, Watch } from './rules.ts';
import { adoptable, newcomer, type Scenario, scenarioOf } from './scenario.ts';
import { SimulatedConsul } from './simulated-consul.ts';
import { SimulatedInstance } from './simulated-instance.ts';
import { SimulatedQueue } from './simulated-queue.ts';
import { SimulatedStore, type Write } from './simulated-store.ts';
import { createWorld, type Violation, type World } from './world.ts';

/** What a test breaks on purpose. */
export interface Mutation {
  /** The fleet as the functions get it; the rules keep the true one. */
  readonly fleet?: (fleet: Fleet) => Fleet;
  readonly ports?: (ports: SyncPorts) => SyncPorts;
}

export interface Outcome {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly story: readonly string[];
  /** Commands that change something, over all instances. */
  readonly commands: number;
  readonly generations: number;
  /** What no order of lines can prevent, by name: how often it happened. */
  readonly excuses: ReadonlyMap<string, number>;
}

/** How long a message that was handed out is hidden, in timeouts of the function: as in infra/aws/queue.yml. */
const VISIBILITY_TIMEOUTS = 6;
const TRAFFIC_MS = 5_000;
/** After the faults: redelivery of what a dead worker held, a hold, a drain, and a few reconciles. */
const HEALING_MS = 10 * 60_000;
const LAST_LOOK_MS = 150_000;

/** Runs one seed; nothing else may use timers in this process meanwhile. */
export async function runSeed(seed: number, mutation: Mutation = {}, rules = allRules): Promise<Outcome> {
  const world = createWorld(seed);
  const uninstall = world.time.install();
  try {
    return await simulate(world, mutation, rules);
  } finally {
    uninstall();
  }
}

async function simulate(world: World, mutation: Mutation, rules: readonly Rule[]): Promise<Outcome> {
  const scenario = scenarioOf(world.random.fork('scenario'));
  world.faultShare = scenario.faults;
  const { cast, watches, count } = createCast(world, scenario, mutation, rules);
  const goesOn = () => world.violations.length === 0;
  const courseMs = world.random.between(2, 8) * 60_000;

  for (const host of cast.hosts) {
    host.start();
    void host.pullForEver();
  }
  void runSchedule(cast);
  void runTraffic(cast);
  void runCourse(cast, courseMs);
  await world.time.run(courseMs, goesOn);
  if (goesOn()) {
    world.faults = false;
    world.tell('the faults stop');
    mend(cast);
    await world.time.run(courseMs + HEALING_MS, goesOn);
  }
  if (goesOn()) {
    world.tell('everything should have healed');
    for (const watch of watches) watch.healed?.();
    await world.time.run(courseMs + HEALING_MS + LAST_LOOK_MS, goesOn);
  }
  const { seed, violations, story, excuses } = world;
  return { seed, violations, story, excuses, ...count };
}

async function runTraffic({ world, hosts }: Cast): Promise<void> {
  const random = world.random.fork('traffic');
  for (;;) {
    await world.time.wait(TRAFFIC_MS);
    for (const { instance } of hosts) instance.process?.traffic(random);
  }
}

function createCast(world: World, scenario: Scenario, mutation: Mutation, rules: readonly Rule[]) {
  const { fleet } = scenario;
  const watches: Watch[] = [];
  const tellAll = (tell: (watch: Watch) => void) => {
    for (const watch of watches) tell(watch);
  };
  const published: Published[] = [];
  const reports = new StoredReports();
  const given = new Set<string>();
  const count = { commands: 0, generations: 0 };
  const traffic = world.random.fork('requests');

  const written = (write: Write) => {
    for (const watch of watches) watch.written?.(write);
    for (const { report, own } of reports.added(write)) {
      world.tell(StoredReports.heldIn(report));
      const instance = instances.find(({ name }) => name === report.instance);
      const looked = own && report.pid !== null;
      const session = looked ? instance?.sessionOf(write.sandbox, report.observedAtMs) : undefined;
      const reporting = { report, session };
      for (const watch of watches) watch.reported?.(reporting);
      operators.reported(reporting);
    }
    if (write.key !== slotTableKey(fleet.name)) return;
    const { sandbox } = write;
    const { table } = sandbox;
    if (table === null) return;
    const previous = published.at(-1)?.table ?? null;
    for (const backend of Object.keys(table.backends)) {
      for (const { name, target } of namedSlots(table, backend)) given.add(`${backend} ${name} ${target}`);
    }
    count.generations = table.generation;
    const publishing = {
      table,
      previous,
      sandbox,
      decidedMs: sandbox.askedTimeMs,
      atMs: world.time.elapsedMs,
    };
    published.push(publishing);
    for (const watch of watches) watch.published?.(publishing);
  };

  const store = new SimulatedStore(world, written);
  const observer: HaproxyObserver = {
    changed(change) {
      if (change.hand.by !== 'session') return;
      count.commands += 1;
      const instance = instances.find((one) => one.name === change.process.instance);
      const session = instance?.session(change.hand.session);
      if (session === undefined) return;
      for (const watch of watches) watch.changed?.(change, session);
      if (leavesHeld(change, session)) operators.restored(change, session);
      if (traffic.chance(0.3)) change.process.traffic(traffic);
    },
    requested(request) {
      for (const watch of watches) watch.requested?.(request);
    },
  };
  const instances = fleet.instances.map(
    ({ name }, index) =>
      new SimulatedInstance({
        world,
        name,
        release: scenario.releases[index] ?? '3.0',
        lines: scenario.lines,
        inContainer: scenario.inContainers,
        reportsKey: shardReportsKey(fleet.name, Math.floor(index / fleet.shard)),
        observer,
        attempted: (sandbox, instance) => tellAll((watch) => watch.attempted?.(sandbox, instance)),
        received: (session, line) => tellAll((watch) => watch.received?.(session, line)),
        replied: (session, line) => tellAll((watch) => watch.replied?.(session, line)),
        started: (process) => {
          const instance = instances.find((one) => one.name === process.instance);
          if (instance !== undefined) operators.processEnded(instance);
          for (const watch of watches) watch.started?.(process);
        },
      }),
  );
  const operators = new Operators({
    world,
    instances,
    published,
    operated: (process, server) => tellAll((watch) => watch.operated?.(process, server)),
  });
  const consul = new SimulatedConsul(
    world,
    [...new Set(fleet.backends.map((policy) => policy.service))],
    (service) => announce(world, platform, consul, service),
  );
  const platform = new FunctionsPlatform({
    world,
    fleet: mutation.fleet?.(fleet) ?? fleet,
    consul,
    store,
    instances,
    timeoutMs: scenario.functionTimeoutMs,
    rested: (rest) => {
      for (const watch of watches) watch.rested?.(rest);
    },
    concurrency: scenario.concurrency,
    between: mutation.ports,
  });
  platform.queue = new SimulatedQueue(
    world,
    { visibilityMs: VISIBILITY_TIMEOUTS * scenario.functionTimeoutMs, maxReceives: 5 },
    () => platform.poll(),
  );
  populate(world, consul);
  const hosts = instances.map((instance, index) => {
    const lines = startLines(world, scenario, consul, index);
    for (const line of lines) {
      if (!line.disabled) given.add(`${line.backend} ${line.name} ${targetOf(line)}`);
    }
    return new Host(world, store, fleet.name, instance, lines);
  });
  const scene: Scene = {
    world,
    fleet,
    consul,
    store,
    instances,
    holds: operators,
    published,
    isAlone: () => platform.isAlone,
    reportOf: (instance) => reports.of(instance),
    wasGiven: (backend, slot, target) => given.has(`${backend} ${slot} ${target}`),
  };
  watches.push(...rules.map((rule) => rule.watch(scene, (what) => world.violated(rule.name, what))));
  const cast: Cast = { world, consul, hosts, operators, platform, crowds: scenario.crowds };
  return { cast, watches, count };
}

/** Who is there before anything begins. */
function populate(world: World, consul: SimulatedConsul): void {
  const random = world.random.fork('population');
  for (const service of consul.services()) {
    for (let number = 1; number <= random.between(0, 6); number += 1) {
      consul.register(service, newcomer(random, number));
    }
  }
}

function startLines(
  world: World,
  { configurations, fleet }: Scenario,
  consul: SimulatedConsul,
  index: number,
) {
  const random = world.random.fork(`start ${index}`);
  const lines = configurations[index] ?? [];
  if (!random.chance(0.3)) return lines;
  return fleet.backends.reduce<typeof lines>(
    (all, policy) => adoptable(random, all, policy, consul.registrations(policy.service)),
    lines,
  );
}

/** A watch posts what Consul says a moment after a change; posts get lost, doubled, late. */
function announce(world: World, platform: FunctionsPlatform, consul: SimulatedConsul, service: string): void {
  const random = world.random;
  const times = world.fault(0.15) ? 2 : 1;
  for (let time = 0; time < times; time += 1) {
    world.time.after(world.fault(0.05) ? 8_000 : random.between(2, 20), () => {
      const body = consul.body(service);
      if (body === null || world.fault(0.15)) return world.tell(`the watch of ${service} gets lost`);
      void platform.post(service, body, consul.index);
    });
  }
}
