/** People with a shell on a load balancer: they take servers out and put them back, whatever else is going on. */

import type { HeldServer } from '../../lib/model/report.ts';
import {
  adminWord,
  type HaproxyProcess,
  isInRotation,
  type ServerChange,
  type SimulatedServer,
  targetOf,
} from './haproxy-process.ts';
import type { Random } from './random.ts';
import { servingTargets } from './rules/named-slots.ts';
import type { Hold, Holds, Published, Reporting } from './rules.ts';
import type { Session, SimulatedInstance } from './simulated-instance.ts';
import type { World } from './world.ts';

export interface OperatorsOptions {
  readonly world: World;
  readonly instances: readonly SimulatedInstance[];
  readonly published: readonly Published[];
  readonly operated: (process: HaproxyProcess, server: SimulatedServer) => void;
}

/** A hold that ended, and when. */
interface Over {
  readonly hold: Hold;
  readonly tick: number;
  /** Since when every report says so, and none can bring it back. */
  readonly settledTick: number | null;
  /** The process on which a pass that had not heard of its end brought it back. */
  readonly restoredPid: number | null;
}

export class Operators implements Holds {
  readonly #options: OperatorsOptions;
  readonly #random: Random;
  #holds: Hold[] = [];
  #over: Over[] = [];

  constructor(options: OperatorsOptions) {
    this.#options = options;
    this.#random = options.world.random.fork('operators');
  }

  all(): readonly Hold[] {
    return [...this.#holds];
  }

  of(instance: string, backend: string, server: string): Hold | undefined {
    return this.#holds.find(
      (hold) => hold.instance.name === instance && hold.backend === backend && hold.server === server,
    );
  }

  mayBeHeld(process: HaproxyProcess, server: SimulatedServer, session: Session): boolean {
    const { firstReadTick, reportsTick } = session;
    return this.#over.some(({ hold, tick, settledTick, restoredPid }) => {
      if (!isOf(hold, process, server) || hold.state !== adminWord(server.admin)) return false;
      if (restoredPid === process.pid && Math.min(firstReadTick ?? tick, reportsTick) < tick) return true;
      const isSettled = settledTick !== null && settledTick < reportsTick;
      return !isSettled && hold.reportedPid !== process.pid;
    });
  }

  mayBeNamed(instance: string, { backend, slot }: HeldServer, session: Session | undefined): boolean {
    if (this.of(instance, backend, slot) !== undefined) return true;
    return this.#over.some(({ hold, tick, settledTick, restoredPid }) => {
      if (hold.instance.name !== instance || hold.backend !== backend || hold.server !== slot) return false;
      if (settledTick === null || session === undefined || session.process.pid === restoredPid) return true;
      return session.reportsTick < settledTick || (session.firstReadTick ?? 0) < tick;
    });
  }

  believed(instance: string, { backend, slot, state, ...at }: HeldServer, excuse: string): void {
    const { world, instances } = this.#options;
    const of = instances.find(({ name }) => name === instance);
    if (of === undefined) return;
    world.excused(excuse);
    const pid = of.process?.pid ?? 0;
    const hold = this.#newHold({ instance: of, backend, server: slot, target: targetOf(at), state, pid });
    hold.doubt = excuse;
    world.tell(`${backend}/${slot} on ${instance} is believed to be held: ${excuse}`);
  }

  /** A report is in the store. */
  reported({ report, session }: Reporting): void {
    const { world } = this.#options;
    const lookedTick = session?.firstReadTick ?? Number.NEGATIVE_INFINITY;
    for (const hold of [...this.#holds, ...this.#over.map((one) => one.hold)]) {
      if (hold.instance.name !== report.instance) continue;
      const listed = report.operatorHeld.find(
        ({ backend, slot, state }) =>
          backend === hold.backend && slot === hold.server && state === hold.state,
      );
      hold.reportedPid = listed === undefined ? null : hold.instance.pidOf(listed);
      const isLater =
        lookedTick > (hold.leftTick ?? 0) && report.generation >= hold.leftGeneration && listed !== undefined;
      if (isLater) hold.leftTick = null;
    }
    // Until a slow pass stores that it saw the hold, on a process that is gone since: then it comes back.
    this.#over = this.#over.map((one) => {
      if (one.hold.instance.name !== report.instance) return one;
      const known = one.hold.reportedPid !== null;
      const settles = !known && (one.settledTick !== null || lookedTick >= one.tick);
      return { ...one, settledTick: settles ? (one.settledTick ?? world.tick()) : null };
    });
  }

  end(hold: Hold, why: string, forgotten = false): void {
    const { world } = this.#options;
    this.#holds = this.#holds.filter((other) => other !== hold);
    if (!forgotten) this.#over.push({ hold, tick: world.tick(), settledTick: null, restoredPid: null });
    world.tell(`the hold of ${hold.backend}/${hold.server} on ${hold.instance.name} ends: ${why}`);
  }

  /** Takes a server out that serves as the table wants it, or puts one back. */
  act(): void {
    const back = this.#holds.filter(({ instance, pid }) => instance.process?.pid === pid);
    if (back.length > 0 && this.#random.chance(0.5)) {
      this.putBack(this.#random.pick(back));
      return;
    }
    const { instances } = this.#options;
    const candidates = instances.flatMap((instance) => {
      const { process } = instance;
      if (process === null) return [];
      return this.#settled(process).map((server) => ({ instance, process, server }));
    });
    if (candidates.length > 0) this.#takeOut(this.#random.pick(candidates));
  }

  /** Whose endpoint is not ready at the moment is not there to be put back. */
  putBack(hold: Hold): void {
    if (hold.parkedTick !== null) return;
    const { process } = hold.instance;
    const server = process?.server(hold.backend, hold.server);
    if (process === null || server === undefined) return;
    const same = targetOf(server) === hold.target;
    this.end(hold, same ? 'the operator puts it back' : "its server is somebody else's", !same);
    if (same) this.#set(process, server, 'ready');
  }

  /**
   * A process is gone: what nobody was told is lost with it, and so is what counted only as long as nobody touched it.
   * A session that read it may still report it; then it comes back, and the operator has to say it again.
   */
  processEnded(instance: SimulatedInstance): void {
    for (const hold of this.#holds) {
      if (hold.instance !== instance || (hold.reportedPid !== null && hold.leftTick === null)) continue;
      this.end(hold, 'its process is gone, and nobody need know', hold.leftTick !== null);
    }
  }

  /** Our own session left a server in `state`, as an operator would: was it restored? */
  restored({ process, server }: ServerChange, session: Session): void {
    const state = adminWord(server.admin);
    const hold = this.of(process.instance, server.backend, server.name);
    if (hold === undefined) {
      if (!this.mayBeHeld(process, server, session)) return;
      this.#over = this.#over.map((one) =>
        isOf(one.hold, process, server) ? { ...one, restoredPid: process.pid } : one,
      );
      this.#repeat(process, server, state);
      return;
    }
    if (hold.state !== state || targetOf(server) !== hold.target) return;
    if (hold.pid === process.pid) {
      if (server.weight > 0) hold.parkedTick = null;
      return;
    }
    const tick = this.#options.world.tick();
    this.#holds = this.#holds.map((other) =>
      other === hold ? { ...hold, pid: process.pid, tick, parkedTick: null } : other,
    );
  }

  /** It is back although its operator put it back: a moment later he says it again. */
  #repeat(process: HaproxyProcess, server: SimulatedServer, state: 'ready' | 'drain' | 'maint'): void {
    const { world } = this.#options;
    const target = targetOf(server);
    world.time.after(1_000, () => {
      const same = adminWord(server.admin) === state && targetOf(server) === target;
      if (!same || server.weight === 0 || !process.serving) return;
      const believed = this.of(process.instance, server.backend, server.name);
      if (believed !== undefined) this.end(believed, 'the operator puts it back once more');
      this.#set(process, server, 'ready');
      this.#over = this.#over.map((one) =>
        isOf(one.hold, process, server) ? { ...one, tick: world.tick() } : one,
      );
    });
  }

  #settled(process: HaproxyProcess): readonly SimulatedServer[] {
    const table = this.#options.published.at(-1)?.table ?? null;
    return process.backends().flatMap((backend) => {
      const serving = servingTargets(table, backend);
      return (process.servers(backend) ?? []).filter((server) => {
        const slot = serving.get(targetOf(server));
        const free = this.of(process.instance, backend, server.name) === undefined;
        return free && isInRotation(server) && server.moving === null && slot?.name === server.name;
      });
    });
  }

  #takeOut({
    instance,
    process,
    server,
  }: {
    readonly instance: SimulatedInstance;
    readonly process: HaproxyProcess;
    readonly server: SimulatedServer;
  }): void {
    const state = this.#random.pick(['drain', 'maint'] as const);
    this.#set(process, server, state);
    const { backend, name } = server;
    this.#newHold({ instance, backend, server: name, target: targetOf(server), state, pid: process.pid });
  }

  /** Of which no pass has heard. */
  #newHold(of: Pick<Hold, 'instance' | 'backend' | 'server' | 'target' | 'state' | 'pid'>): Hold {
    const { world, published } = this.#options;
    const hold: Hold = {
      ...of,
      tick: world.tick(),
      sinceGeneration: published.at(-1)?.table.generation ?? 0,
      reportedPid: null,
      parkedTick: null,
      doubt: null,
      knownBy: new Set(),
      leftTick: null,
      leftGeneration: 0,
    };
    this.#holds.push(hold);
    return hold;
  }

  #set(process: HaproxyProcess, server: SimulatedServer, state: 'ready' | 'drain' | 'maint'): void {
    const { world, operated } = this.#options;
    const line = `set server ${server.backend}/${server.name} state ${state}`;
    world.tell(`an operator on ${process.instance}: ${line}`);
    process.change(server, { by: 'operator' }, line, () => process.setState(server, state));
    operated(process, server);
  }
}

function isOf({ instance, backend, server }: Hold, process: HaproxyProcess, of: SimulatedServer): boolean {
  return instance.name === process.instance && backend === of.backend && server === of.name;
}
