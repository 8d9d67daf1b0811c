/** One simulated HAProxy as the fleet sees it: an address where now this process answers, now that, now nobody. */

import type { HaproxyProcess as ReportedProcess } from '../../lib/model/process.ts';
import type { SlotTable } from '../../lib/model/slot-table.ts';
import { InstanceUnreachable } from '../../lib/runtime-api/errors.ts';
import type { OpenSession, RuntimeSession } from '../../lib/runtime-api/runtime-session.ts';
import { startSession } from '../../lib/runtime-api/session.ts';
import { answerTo } from './haproxy-commands.ts';
import {
  type HaproxyObserver,
  HaproxyProcess,
  type Release,
  type Seen,
  type ServerLine,
} from './haproxy-process.ts';
import type { LineDelays } from './line-delays.ts';
import type { Sandbox } from './sandbox.ts';
import { Wire } from './wire.ts';
import type { World } from './world.ts';

/** How an instance treats those who connect. `hangs` accepts and never answers, `away` lets nobody connect. */
export type Condition = 'well' | 'slow' | 'hangs' | 'away' | 'refuses';

/** A connection of one of our sandboxes to one process. */
export interface Session {
  readonly id: number;
  readonly sandbox: Sandbox;
  readonly instance: SimulatedInstance;
  readonly process: HaproxyProcess;
  /** What its sandbox had read or written when it sent what came in last: what it applies. */
  table: SlotTable | null;
  /** All that it may apply: what its sandbox had read or written since the session began, and just before. */
  readonly tables: Set<SlotTable>;
  /** When that sandbox had last read what was reported of this instance. */
  reportsTick: number;
  /** When it was asked for, in milliseconds since 1970: a report says so, too. */
  readonly sinceMs: number;
  /**
   * Backends that another session changed on the same process since this one was opened: a pass of another group of the
   * queue, a person's `hitless sync`, or the last words of a pass that gave up. What each does is right for what it read.
   */
  readonly contested: Set<string>;
  /** It sent something else than questions. */
  changesThings: boolean;
  /** When `show servers state` first answered it: what its plan is made from. */
  firstReadTick: number | null;
  /** Servers, as `backend/server`, to which somebody else had just given an address that this did not show yet. */
  readonly surprised: Set<string>;
  /** Servers to which it gave an address itself. */
  readonly addressed: Set<string>;
  /** What `show servers state` last answered it: by `backend/server`, and when. */
  read: { readonly tick: number; readonly servers: ReadonlyMap<string, Seen> } | null;
}

export interface InstanceOptions {
  readonly world: World;
  readonly name: string;
  readonly release: Release;
  /** Null: what is written together comes in together. */
  readonly lines: LineDelays | null;
  /** It runs in a container, where every process that starts has the same pid. */
  readonly inContainer: boolean;
  /** Where its reports are. */
  readonly reportsKey: string;
  readonly observer: HaproxyObserver;
  readonly attempted: (sandbox: Sandbox, instance: SimulatedInstance) => void;
  readonly received: (session: Session, line: string) => void;
  readonly replied: (session: Session, line: string) => void;
  readonly started: (process: HaproxyProcess) => void;
}

/** A container does not restart its process more often: its start is told in whole seconds, and 2.2 does not tell it. */
const RESTART_MS = 5_000;
const RECKONED_SECONDS = 2;

/** A pass that finds a newer table applies that, too. */
const LATEST = 3;

export class SimulatedInstance {
  readonly name: string;
  readonly release: Release;
  condition: Condition = 'well';
  /** When the condition last changed, or a process last started. */
  disturbedMs = 0;
  readonly #options: InstanceOptions;
  readonly #sessions = new Map<number, { readonly session: Session; readonly wire: Wire }>();
  readonly #latest = new WeakMap<Sandbox, readonly Session[]>();
  #process: HaproxyProcess | null = null;
  /** All that ever were. */
  readonly #processes: HaproxyProcess[] = [];

  constructor(options: InstanceOptions) {
    this.#options = options;
    this.name = options.name;
    this.release = options.release;
  }

  /** Null while it is down. */
  get process(): HaproxyProcess | null {
    return this.#process;
  }

  /** The process that shows itself so; null: none ever did. */
  pidOf({ pid, startedAtSeconds }: ReportedProcess): number | null {
    const known = this.#processes.findLast(
      (one) =>
        one.shownPid === pid &&
        (startedAtSeconds === undefined ||
          Math.abs(one.startedAtSeconds - startedAtSeconds) <= RECKONED_SECONDS),
    );
    return known?.pid ?? null;
  }

  session(id: number): Session | undefined {
    return this.#sessions.get(id)?.session;
  }

  /** The one that `sandbox` asked for at `sinceMs`; undefined: it got none. */
  sessionOf(sandbox: Sandbox, sinceMs: number): Session | undefined {
    return this.#latest.get(sandbox)?.find((session) => session.sinceMs === sinceMs);
  }

  become(condition: Condition): void {
    if (this.condition === condition) return;
    this.condition = condition;
    this.disturbedMs = this.#options.world.time.elapsedMs;
    this.#options.world.tell(`${this.name} is ${condition}`);
  }

  /** @param reload true: the former process goes on with the sessions it has, and serves no traffic. */
  start(lines: readonly ServerLine[], reload = false): void {
    const { world, observer, started, inContainer } = this.#options;
    if (reload && this.#process !== null) this.#process.serving = false;
    else this.stop();
    const nowMs = world.time.elapsedMs;
    const soonestMs = (this.#processes.at(-1)?.startedMs ?? Number.NEGATIVE_INFINITY) + RESTART_MS;
    if (inContainer && !reload && nowMs < soonestMs) {
      this.stop();
      world.time.after(soonestMs - nowMs, () => {
        if (this.#process === null) this.start(lines);
      });
      return;
    }
    const serial = world.serial();
    this.#process = new HaproxyProcess({
      instance: this.name,
      release: this.release,
      pid: 1_000 + serial,
      ...(inContainer && !reload && { shownPid: 1 }),
      lines,
      time: world.time,
      random: world.random.fork(`${this.name} ${serial}`),
      observer,
    });
    this.#processes.push(this.#process);
    this.disturbedMs = world.time.elapsedMs;
    world.tell(`${this.name} ${reload ? 'reloads' : 'starts'} with ${lines.length} servers`);
    started(this.#process);
  }

  stop(): void {
    if (this.#process === null) return;
    this.#options.world.tell(`${this.name} goes down`);
    this.#process.serving = false;
    this.#process = null;
    this.disturbedMs = this.#options.world.time.elapsedMs;
    for (const { wire } of this.#sessions.values()) wire.endByFar();
    this.#sessions.clear();
  }

  async open(sandbox: Sandbox, signal: AbortSignal): Promise<RuntimeSession> {
    const { world, attempted } = this.#options;
    const address = `tcp://${this.name}:9999`;
    const sinceMs = world.time.now();
    const { table } = sandbox;
    attempted(sandbox, this);
    await world.time.wait(world.random.between(0, 2));
    const { condition } = this;
    if (condition === 'away') await aborted(signal);
    if (condition === 'away' || condition === 'refuses' || this.#process === null || world.fault(0.01)) {
      throw new InstanceUnreachable(
        address,
        condition === 'away' ? 'no answer in time' : 'connection refused',
      );
    }
    return startSession(this.#connect(sandbox, this.#process, table, sinceMs), { address, signal });
  }

  #connect(sandbox: Sandbox, process: HaproxyProcess, table: SlotTable | null, sinceMs: number): Wire {
    const { world } = this.#options;
    const id = world.tick();
    const session: Session = {
      id,
      sandbox,
      instance: this,
      process,
      table,
      tables: new Set(table === null ? [] : [table]),
      reportsTick: 0,
      sinceMs,
      contested: new Set(),
      changesThings: false,
      firstReadTick: null,
      surprised: new Set(),
      addressed: new Set(),
      read: null,
    };
    this.#latest.set(sandbox, [session, ...(this.#latest.get(sandbox) ?? []).slice(0, LATEST - 1)]);
    // The bytes of a dead sender are on their way, or they are not.
    const outlives = world.random.chance(0.5);
    // A connection that breaks somewhere on the way.
    let linesLeft = world.fault(0.04) ? world.random.between(1, 12) : Number.POSITIVE_INFINITY;
    let pending = '';
    const wire = new Wire({
      time: world.time,
      random: world.random,
      latencyMs: this.condition === 'slow' ? [100, 900] : [0, 3],
      lines: this.#options.lines,
      isAlive: () => sandbox.alive,
      outlives,
      far: {
        sent: () => {
          const sentWith = sandbox.mixed ? table : sandbox.table;
          const reportsTick = sandbox.reportsTicks.get(this.#options.reportsKey) ?? 0;
          if (sentWith !== null) session.tables.add(sentWith);
          return () => {
            session.table = sentWith;
            session.reportsTick = reportsTick;
          };
        },
        received: (text) => {
          const lines = (pending + text).split('\n');
          pending = lines.pop() ?? '';
          let replies = '';
          for (const line of lines) {
            if (!sandbox.alive && !outlives) return null;
            if (line === 'quit' || linesLeft <= 0) return null;
            linesLeft -= 1;
            replies += this.#answer(session, line);
            sandbox.touch();
          }
          return this.condition === 'hangs' ? '' : replies;
        },
        closed: () => this.#sessions.delete(id),
      },
    });
    this.#sessions.set(id, { session, wire });
    return wire;
  }

  #answer(session: Session, line: string): string {
    const { world, received, replied } = this.#options;
    received(session, line);
    if (!/^(?:show|prompt)/.test(line)) {
      world.tell(
        `${session.sandbox.name} to ${this.name}${session.process.serving ? '' : ' (old process)'}: ${line}`,
      );
      this.#contest(session, line);
    }
    const reply = answerTo(session.process, line, { by: 'session', session: session.id });
    if (line.startsWith('show servers state')) {
      session.read = { tick: world.tick(), servers: seenOn(session.process) };
      session.firstReadTick ??= session.read.tick;
      for (const [name, { onItsWay }] of session.read.servers) {
        if (onItsWay && !session.addressed.has(name)) session.surprised.add(name);
      }
    }
    replied(session, line);
    return `${reply}\n> `;
  }

  /**
   * Who else works on this process is told that it changes. Two workers with messages of one group never do that at once,
   * except that what one sent before it gave up may still be on its way.
   */
  #contest(session: Session, line: string): void {
    session.changesThings = true;
    const [, addressed] = /^set server (\S+) addr /.exec(line) ?? [];
    if (addressed !== undefined) session.addressed.add(addressed);
    const [, backend = ''] = / (\S+?)\//.exec(line) ?? [];
    for (const { session: other } of this.#sessions.values()) {
      if (other === session || other.process !== session.process) continue;
      other.contested.add(backend);
      const { groups } = other.sandbox;
      if (other.sandbox === session.sandbox) continue;
      if (![...session.sandbox.groups].some((group) => groups.has(group))) continue;
      if (!this.#isAtWork(session) || !this.#isAtWork(other)) continue;
      this.#options.world.violated(
        'the simulation',
        `${session.sandbox.name} and ${other.sandbox.name} both work on ${this.name}`,
      );
    }
  }

  /** It still wants what it says. */
  #isAtWork({ id, sandbox, changesThings }: Session): boolean {
    const wire = this.#sessions.get(id)?.wire;
    return changesThings && sandbox.alive && wire?.destroyed === false && !wire.writableEnded;
  }
}

/** What the process shows, by `backend/server`. */
export function seenOn(process: HaproxyProcess): ReadonlyMap<string, Seen> {
  return new Map(
    process.backends().flatMap((backend) =>
      (process.servers(backend) ?? []).map(({ name, moving, ...server }): [string, Seen] => {
        const { address, port, admin, weight } = server;
        return [`${backend}/${name}`, { address, port, admin, weight, onItsWay: moving !== null }];
      }),
    ),
  );
}

/** The port for `sandbox`: by the host of the address, which is the instance's name. */
export function sessionsOf(sandbox: Sandbox, instances: readonly SimulatedInstance[]): OpenSession {
  return (address, { signal }) =>
    sandbox.whileAlive(async () => {
      const name = address.scheme === 'unix' ? '' : address.host;
      const instance = instances.find((one) => one.name === name);
      if (instance === undefined) throw new InstanceUnreachable(name, 'no such host');
      return instance.open(sandbox, signal);
    });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
