/** An object store in memory, with exact conditional writes, that fails before or after a write took effect. */

import { createHash } from 'node:crypto';
import type { SlotTable } from '../../lib/model/slot-table.ts';
import { slotTableKey } from '../../lib/store/keys.ts';
import { type ObjectStore, type StoredObject, StoreFailed } from '../../lib/store/object-store.ts';
import { decodeSlotTable } from '../../lib/store/slot-table-document.ts';
import type { Sandbox } from './sandbox.ts';
import type { World } from './world.ts';

export interface Write {
  readonly key: string;
  readonly body: string;
  readonly previous: string | null;
  readonly conditional: boolean;
  readonly sandbox: Sandbox;
}

const TABLE = /\/slots\.json$/;

export class SimulatedStore {
  readonly #world: World;
  readonly #objects = new Map<string, StoredObject>();
  readonly #written: (write: Write) => void;
  #newest: { readonly body: string; readonly table: SlotTable } | null = null;

  constructor(world: World, written: (write: Write) => void) {
    this.#world = world;
    this.#written = written;
  }

  /** For those who look from outside. */
  read(key: string): string | null {
    return this.#objects.get(key)?.body ?? null;
  }

  /** As `sandbox` sees it. */
  openedBy(sandbox: Sandbox): ObjectStore {
    return {
      get: (key) =>
        sandbox.whileAlive(async () => {
          await this.#latency();
          if (this.#world.fault(0.01)) throw this.#failed('get', key, sandbox);
          const found = this.#objects.get(key) ?? null;
          if (found !== null && isTable(key)) sandbox.table = this.#tableOf(found.body);
          if (isReports(key)) sandbox.reportsTicks.set(key, this.#world.tick());
          return found;
        }),

      put: (key, body) =>
        sandbox.whileAlive(async () => {
          await this.#write(key, sandbox, () => this.#replace(key, body, false, sandbox));
        }),

      putIf: (key, body, expected) =>
        sandbox.whileAlive(async () => {
          let outcome: { readonly etag: string } | 'lost-race' = 'lost-race';
          const attempt = () => {
            if ((this.#objects.get(key)?.etag ?? null) !== expected) return;
            outcome = { etag: this.#replace(key, body, true, sandbox) };
          };
          await this.#write(key, sandbox, attempt);
          // The first answer got lost, and the client's own second try finds the object changed.
          if (outcome !== 'lost-race' && this.#world.fault(0.01)) {
            this.#world.tell(`store: ${sandbox.name} loses the race for ${key} against itself`);
            return 'lost-race';
          }
          return outcome;
        }),
    };
  }

  async #write(key: string, sandbox: Sandbox, write: () => void): Promise<void> {
    await this.#latency();
    if (!sandbox.alive) return;
    if (this.#world.fault(0.01)) throw this.#failed('put', key, sandbox);
    write();
    sandbox.touch();
    if (this.#world.fault(0.01)) throw this.#failed('put', key, sandbox, ', but it was written');
    await this.#latency();
  }

  #replace(key: string, body: string, conditional: boolean, sandbox: Sandbox): string {
    const previous = this.#objects.get(key)?.body ?? null;
    const etag = createHash('sha1').update(body).digest('hex');
    this.#objects.set(key, { body, etag });
    if (isTable(key)) sandbox.table = this.#tableOf(body);
    this.#world.tell(`store: ${sandbox.name} writes ${key}`);
    this.#written({ key, body, previous, conditional, sandbox });
    return etag;
  }

  /** The newest one is read again and again. */
  #tableOf(body: string): SlotTable {
    if (this.#newest?.body !== body) this.#newest = { body, table: decodeSlotTable('slots.json', body) };
    return this.#newest.table;
  }

  #failed(operation: 'get' | 'put', key: string, sandbox: Sandbox, addition = ''): StoreFailed {
    this.#world.tell(`store: ${operation} ${key} fails for ${sandbox.name}${addition}`);
    return new StoreFailed(operation, key, new Error('SlowDown'));
  }

  async #latency(): Promise<void> {
    const { time, random } = this.#world;
    await time.wait(this.#world.fault(0.01) ? 3_000 : random.between(1, 12));
  }
}

export function isReports(key: string): boolean {
  return /\/shards\/\d+\.json$/.test(key);
}

function isTable(key: string): boolean {
  return TABLE.test(key) && key === slotTableKey(key.split('/')[1] ?? '');
}
