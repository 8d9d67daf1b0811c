/** The host of an instance: it pulls the configuration as hitless-pull does, and HAProxy starts from what it has. */

import { createHash } from 'node:crypto';
import { decodeCurrentConfiguration } from '../../lib/store/current-document.ts';
import { configurationKey, currentConfigurationKey } from '../../lib/store/keys.ts';
import type { ServerLine } from './haproxy-process.ts';
import type { Random } from './random.ts';
import { readServerLines } from './server-lines-of.ts';
import type { SimulatedInstance } from './simulated-instance.ts';
import type { SimulatedStore } from './simulated-store.ts';
import type { World } from './world.ts';

const PULL_MS: readonly [number, number] = [10_000, 40_000];

export class Host {
  readonly instance: SimulatedInstance;
  readonly #world: World;
  readonly #store: SimulatedStore;
  readonly #fleet: string;
  readonly #random: Random;
  #lines: readonly ServerLine[];
  #structure = '';

  constructor(
    world: World,
    store: SimulatedStore,
    fleet: string,
    instance: SimulatedInstance,
    lines: readonly ServerLine[],
  ) {
    this.#world = world;
    this.#store = store;
    this.#fleet = fleet;
    this.instance = instance;
    this.#lines = lines;
    this.#random = world.random.fork(`host ${instance.name}`);
  }

  /** Starts HAProxy, or starts it anew. */
  start(): void {
    this.instance.start(this.#lines);
  }

  /** Pulls again and again. */
  async pullForEver(): Promise<void> {
    for (;;) {
      await this.#world.time.wait(this.#random.between(...PULL_MS));
      if (!this.#world.fault(0.1)) this.#pull();
    }
  }

  #pull(): void {
    const current = this.#store.read(currentConfigurationKey(this.#fleet));
    const text = this.#store.read(configurationKey(this.#fleet));
    if (current === null || text === null) return;
    const { sha256, structure } = decodeCurrentConfiguration('current.json', current);
    if (createHash('sha256').update(text).digest('hex') !== sha256) return;
    this.#lines = readServerLines(text);
    if (structure === this.#structure || this.instance.process === null) return;
    this.#structure = structure;
    this.instance.start(this.#lines, true);
  }
}
