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
import type { Hold, Holds, Published } from './rules.ts';
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
  /** Put back, and not reported yet: a new process would get them out again, and their operator repeats it. */
  readonly #putBack = new Set<Hold>();
  /** The process that the last report of an instance is about. */
  readonly #reportedPids = new Map<string, number | null>();

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

  /** Put back a moment ago, which no report says yet: a new process could only get it out again. */
  mayBeHeld(instance: string, backend: string): boolean {
    return [...this.#putBack].some((hold) => hold.instance.name === instance && hold.backend === backend);
  }

  /** A report says what is held on the process `pid`. */
  reported(
    instance: string,
    pid: number | null,
    held: readonly { backend: string; slot: string; state: string }[],
  ) {
    this.#reportedPids.set(instance, pid);
    const isListed = (hold: Hold) =>
      held.some(
        ({ backend, slot, state }) =>
          backend === hold.backend && slot === hold.server && state === hold.state,
      );
    for (const hold of this.#holds) {
      if (hold.instance.name === instance && hold.pid === pid) hold.reported = isListed(hold);
    }
    for (const hold of this.#putBack) {
      if (hold.instance.name === instance && hold.pid === pid && !isListed(hold)) this.#putBack.delete(hold);
    }
  }

  end(hold: Hold, why: string): void {
    this.#holds = this.#holds.filter((other) => other !== hold);
    this.#options.world.tell(
      `the hold of ${hold.backend}/${hold.server} on ${hold.instance.name} ends: ${why}`,
    );
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

  putBack(hold: Hold): void {
    const { process } = hold.instance;
    const server = process?.server(hold.backend, hold.server);
    if (process === null || server === undefined) return;
    const same = targetOf(server) === hold.target;
    this.end(hold, same ? 'the operator puts it back' : "its server is somebody else's");
    if (!same) return;
    this.#set(process, server, 'ready');
    if (hold.reported) this.#putBack.add(hold);
  }

  /**
   * A process is gone: what nobody was told is lost with it. Unless a session that read it is still to report; then it
   * comes back, and the operator has to say it again.
   */
  processEnded(instance: SimulatedInstance): void {
    for (const hold of this.#holds) {
      if (hold.instance !== instance || (hold.reported && !hold.left)) continue;
      this.end(hold, 'its process is gone, and nobody need know');
      this.#putBack.add(hold);
    }
  }

  /** Our own session put a server into this state: perhaps it was restored. */
  restored(process: HaproxyProcess, server: SimulatedServer, state: string): void {
    const hold = this.of(process.instance, server.backend, server.name);
    if (hold === undefined) this.#repeat(process, server, state);
    if (hold === undefined || hold.pid === process.pid || hold.state !== state) return;
    // On its way back: a server that restarted elsewhere gets its address first.
    if (targetOf(server) !== hold.target || server.weight === 0) return;
    this.#holds = this.#holds.map((other) =>
      other === hold ? { ...hold, pid: process.pid, tick: this.#options.world.tick() } : other,
    );
  }

  #repeat(process: HaproxyProcess, server: SimulatedServer, state: string): void {
    for (const hold of this.#putBack) {
      const same = hold.instance.name === process.instance && hold.backend === server.backend;
      if (
        !same ||
        hold.server !== server.name ||
        hold.state !== state ||
        this.#reportedPids.get(process.instance) === process.pid
      )
        continue;
      this.#putBack.delete(hold);
      this.#options.world.time.after(1_000, () => {
        const same = adminWord(server.admin) === state && targetOf(server) === hold.target;
        if (!same || server.weight === 0 || !process.serving) return;
        this.#set(process, server, 'ready');
        this.#putBack.add({ ...hold, pid: process.pid });
      });
    }
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
      reported: false,
      left: false,
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
