/** What happens while a simulation runs: the events that nobody of us decides about. */

import { flap, gather } from './crowd.ts';
import type { FunctionsPlatform } from './functions-platform.ts';
import type { Host } from './host.ts';
import type { Operators } from './operators.ts';
import type { Random } from './random.ts';
import { newcomer } from './scenario.ts';
import type { SimulatedConsul } from './simulated-consul.ts';
import type { World } from './world.ts';

export interface Cast {
  readonly world: World;
  readonly consul: SimulatedConsul;
  readonly hosts: readonly Host[];
  readonly operators: Operators;
  readonly platform: FunctionsPlatform;
  /** How many of the events, 0 to 1, are several passes at once. */
  readonly crowds: number;
}

const PAUSES_MS = [0, 20, 300, 2_000, 8_000, 20_000, 45_000];
const RECONCILE_MS = 60_000;

/** Events until `untilMs`. */
export async function runCourse(cast: Cast, untilMs: number): Promise<void> {
  const { world } = cast;
  const random = world.random.fork('course');
  const crowds = world.random.fork('crowds');
  let number = 100;
  while (world.time.elapsedMs < untilMs) {
    await world.time.wait(random.pick(PAUSES_MS));
    if (!world.faults) return;
    const dice = random.next();
    number += 1;
    if (crowds.chance(cast.crowds)) gather(cast, crowds, meanwhile(cast, crowds));
    if (dice < 0.12) register(cast, random, number);
    else if (dice < 0.22) replaceOne(cast, random, number);
    else if (dice < 0.58) changeOne(cast, random);
    else if (dice < 0.62) leaveTogether(cast, random);
    else if (dice < 0.67) void lie(cast, random);
    else if (dice < 0.76) void disturb(cast, random);
    else if (dice < 0.81) random.pick(cast.hosts).start();
    else if (dice < 0.9) operate(cast, random);
    else void cast.platform.sync();
  }
}

/** What the passes of a crowd did not know when they were asked for. */
function meanwhile(cast: Cast, random: Random): readonly (() => void)[] {
  return [
    () => flap(cast, random),
    () => flap(cast, random),
    () => changeOne(cast, random),
    () => replaceOne(cast, random, 1_000 + cast.world.serial()),
    () => operate(cast, random),
    () => random.pick(cast.hosts).start(),
  ];
}

/** The schedule of the reconcile function. */
export async function runSchedule({ world, platform }: Cast): Promise<void> {
  for (let count = 1; ; count += 1) {
    await world.time.wait(RECONCILE_MS);
    void platform.reconcile(`event-${count}`);
    if (world.fault(0.05)) void platform.reconcile(`event-${count}`);
  }
}

/** Everything that was broken works again. */
export function mend({ consul, hosts, operators }: Cast): void {
  consul.becomeHonest();
  for (const host of hosts) {
    host.instance.become('well');
    if (host.instance.process === null) host.start();
  }
  for (const [index, hold] of operators.all().entries()) {
    if (index % 2 === 0 && hold.instance.process?.pid === hold.pid) operators.putBack(hold);
  }
}

function register({ consul }: Cast, random: Random, number: number): void {
  const registration = newcomer(random, number);
  for (const service of consul.services()) {
    if (random.chance(0.8)) consul.register(service, registration);
  }
}

/** A new version is rolled out: one comes, and an old one goes. */
function replaceOne({ consul }: Cast, random: Random, number: number): void {
  const service = random.pick(consul.services());
  const registrations = consul.registrations(service);
  if (registrations.length > 0) consul.deregister(service, random.pick(registrations).id);
  consul.register(service, newcomer(random, number));
}

function changeOne({ consul }: Cast, random: Random): void {
  const service = random.pick(consul.services());
  const registrations = consul.registrations(service);
  if (registrations.length === 0) return;
  const { id, status, maintenance, weight } = random.pick(registrations);
  const dice = random.next();
  if (dice < 0.35) consul.deregister(service, id);
  else if (dice < 0.7) {
    const other = dice < 0.55 ? 'critical' : 'warning';
    const next = status === other ? 'passing' : other;
    consul.change(service, id, `is ${next}`, (one) => {
      one.status = next;
    });
  } else if (dice < 0.9) {
    consul.change(service, id, maintenance ? 'leaves maintenance' : 'is in maintenance', (one) => {
      one.maintenance = !maintenance;
    });
  } else {
    consul.change(service, id, `changes its weight from ${weight}`, (one) => {
      one.weight = weight === 1 ? 7 : 1;
    });
  }
}

/** Who takes a server out often does something to its endpoint, which fails its checks then, and comes back. */
function operate({ world, operators, consul }: Cast, random: Random): void {
  const before = operators.all().length;
  operators.act();
  const hold = operators.all().at(-1);
  if (operators.all().length <= before || hold === undefined || !random.chance(0.5)) return;
  for (const service of consul.services()) {
    const own = consul.registrations(service).find((one) => `${one.address}:${one.port}` === hold.target);
    if (own === undefined || own.status !== 'passing') continue;
    const become = (status: 'critical' | 'passing') =>
      consul.change(service, own.id, `is ${status}, while an operator holds it`, (one) => {
        one.status = status;
      });
    world.time.after(random.pick([0, 40, 3_000, 15_000]), () => become('critical'));
    world.time.after(random.pick([15_500, 40_000, 70_000]), () => become('passing'));
  }
}

/** A data centre, or a mistake. */
function leaveTogether({ consul }: Cast, random: Random): void {
  const service = random.pick(consul.services());
  for (const { id } of consul.registrations(service)) {
    if (random.chance(0.7)) consul.deregister(service, id);
  }
}

async function lie({ consul }: Cast, random: Random): Promise<void> {
  const moods = random.pick([
    ['empty', 'part'],
    ['part'],
    ['down', 'empty', 'part'],
    ['stale'],
    ['garbage'],
    ['silent'],
  ] as const);
  await consul.restart(moods.map((mood) => ({ mood, forMs: random.pick([200, 2_000, 12_000, 30_000]) })));
}

async function disturb({ world, hosts }: Cast, random: Random): Promise<void> {
  const host = random.pick(hosts);
  const forMs = random.pick([500, 5_000, 40_000, 90_000]);
  if (random.chance(0.3)) {
    host.instance.stop();
    await world.time.wait(forMs);
    if (host.instance.process === null) host.start();
    return;
  }
  host.instance.become(random.pick(['slow', 'hangs', 'away', 'refuses'] as const));
  await world.time.wait(forMs);
  host.instance.become('well');
}
