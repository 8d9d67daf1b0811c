/** One place where our code runs: a Lambda sandbox or a person's `hitless sync`. It can die at any of its operations. */

import type { SlotTable } from '../../lib/model/slot-table.ts';
import type { World } from './world.ts';

export class Sandbox {
  readonly name: string;
  alive = true;
  /** What its code read or wrote last; for the rules. */
  table: SlotTable | null = null;
  /** When its code last read the reports of a shard, by key; for the rules. */
  readonly reportsTicks = new Map<string, number>();
  /** When it last asked for the time: the moment of a decision. */
  askedTimeMs = 0;
  /** Handles several message groups at once, so that `table` may be another group's. */
  mixed = false;
  /** Of the queue, whose messages it works on: no other worker has these. A command line has none. */
  groups: ReadonlySet<string> = new Set();
  /** How many times it was called. */
  batch = 0;
  #operationsLeft: number | null = null;
  /** Settles when it is dead. */
  readonly died: Promise<void>;
  #die: () => void = () => {};
  readonly #world: World;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.died = new Promise((resolve) => {
      this.#die = resolve;
    });
  }

  /** @param operations after which it dies; null: it lives. */
  dieAfter(operations: number | null): void {
    this.#operationsLeft = operations;
  }

  /** Counts an operation. */
  touch(): void {
    if (this.#operationsLeft === null || !this.alive) return;
    this.#operationsLeft -= 1;
    if (this.#operationsLeft <= 0) this.kill('killed');
  }

  kill(why: string): void {
    if (!this.alive) return;
    this.alive = false;
    this.#world.faultTick = this.#world.tick();
    this.#world.tell(`${this.name} is ${why}`);
    this.#die();
  }

  /** What a dead sandbox waits for never comes. */
  async whileAlive<T>(work: () => Promise<T>): Promise<T> {
    this.touch();
    if (!this.alive) return new Promise<T>(() => {});
    const result = await work().catch((error: unknown) => {
      if (this.alive) throw error;
      return new Promise<T>(() => {});
    });
    return this.alive ? result : new Promise<T>(() => {});
  }
}
