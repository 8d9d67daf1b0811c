/** People with a shell on a load balancer: they take servers out and put them back, whatever else is going on. */

import {
  adminWord,
  type HaproxyProcess,
  isInRotation,
  type SimulatedServer,
  targetOf,
} from './haproxy-process.ts';
import type { Random } from './random.ts';
import { servingTargets } from './rules/named-slots.ts';
import type { Hold, Holds, Published, Reporting } from './rules.ts';
import type { SimulatedInstance } from './simulated-instance.ts';
import type { World } from './world.ts';

export interface OperatorsOptions {
  readonly world: World;
  readonly instances: readonly SimulatedInstance[];
  readonly published: readonly Published[];
  readonly operated: (process: HaproxyProcess, server: SimulatedServer) => void;
}

export class Operators implements Holds {
  readonly #options: OperatorsOptions;
  readonly #random: Random;
  #holds: Hold[] = [];
  /** Over, and no report says so that was read since (`tick`): a new process may get them out again. */
  /** Holds that ended, and when. `settled`: every report since says so, and none can bring it back. */
  #over: { readonly hold: Hold; readonly tick: number; readonly settled: boolean }[] = [];

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

  mayBeHeld(process: HaproxyProcess, { backend, name, admin }: SimulatedServer): boolean {
    return this.#over.some(
      ({ hold, settled }) =>
        !settled &&
        hold.instance.name === process.instance &&
        hold.backend === backend &&
        hold.server === name &&
        hold.state === adminWord(admin) &&
        hold.reportedPid !== process.pid,
    );
  }

  /** A report is in the store. */
  reported({ report, session }: Reporting): void {
    const lookedTick = session?.firstReadTick ?? Number.NEGATIVE_INFINITY;
    for (const hold of [...this.#holds, ...this.#over.map((one) => one.hold)]) {
      if (hold.instance.name !== report.instance) continue;
      const listed = report.operatorHeld.find(
        ({ backend, slot, state }) =>
          backend === hold.backend && slot === hold.server && state === hold.state,
      );
      hold.reportedPid = listed?.pid ?? null;
      if (hold.leftTick !== null && lookedTick > hold.leftTick && listed !== undefined) hold.leftTick = null;
    }
    // Until a slow pass stores that it saw the hold, on a process that is gone since: then it comes back.
    this.#over = this.#over.map((one) => {
      if (one.hold.instance.name !== report.instance) return one;
      const known = one.hold.reportedPid !== null;
      return { ...one, settled: !known && (one.settled || lookedTick >= one.tick) };
    });
  }

  end(hold: Hold, why: string, forgotten = false): void {
    const { world } = this.#options;
    this.#holds = this.#holds.filter((other) => other !== hold);
    if (!forgotten) this.#over.push({ hold, tick: world.tick(), settled: false });
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
  restored(process: HaproxyProcess, server: SimulatedServer, state: 'ready' | 'drain' | 'maint'): void {
    const hold = this.of(process.instance, server.backend, server.name);
    if (hold === undefined) {
      if (this.mayBeHeld(process, server)) this.#repeat(process, server, state);
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
      this.#set(process, server, 'ready');
      this.#over = this.#over.map((one) => {
        const { hold } = one;
        const meant = hold.instance.name === process.instance && hold.backend === server.backend;
        return meant && hold.server === server.name ? { ...one, tick: world.tick() } : one;
      });
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
    const hold: Hold = {
      instance,
      backend,
      server: name,
      target: targetOf(server),
      state,
      tick: this.#options.world.tick(),
      pid: process.pid,
      reportedPid: null,
      parkedTick: null,
      leftTick: null,
    };
    this.#holds.push(hold);
  }

  #set(process: HaproxyProcess, server: SimulatedServer, state: 'ready' | 'drain' | 'maint'): void {
    const { world, operated } = this.#options;
    const line = `set server ${server.backend}/${server.name} state ${state}`;
    world.tell(`an operator on ${process.instance}: ${line}`);
    process.change(server, { by: 'operator' }, line, () => process.setState(server, state));
    operated(process, server);
  }
}
