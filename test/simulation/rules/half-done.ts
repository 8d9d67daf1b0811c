/**
 * Servers that a pass left half done for longer than a write takes: it was killed or held up between two lines of one
 * write. No other pass can tell that from an operator's hand (design.md, rule 3), so what comes of it is counted.
 */

import { adminWord, type ServerChange } from '../haproxy-process.ts';
import type { Session } from '../simulated-instance.ts';
import type { World } from '../world.ts';

interface Said {
  readonly session: Session;
  readonly line: string;
  readonly tick: number;
  readonly atMs: number;
  /** Afterwards the server is out of rotation with a weight, as an operator would leave it. */
  readonly looksHeld: boolean;
}

/** Longer than any pass looks twice in. */
const WRITE_MS = 20;

export class HalfDone {
  readonly #world: World;
  /** By instance and server, oldest first. */
  readonly #said = new Map<string, Said[]>();

  constructor(world: World) {
    this.#world = world;
  }

  changed({ process, server, line }: ServerChange, session: Session): void {
    const key = `${process.instance} ${server.backend}/${server.name}`;
    const said = this.#said.get(key) ?? [];
    this.#said.set(key, said);
    const looksHeld = adminWord(server.admin) !== 'ready' && server.weight > 0;
    said.push({ session, line, tick: this.#world.tick(), atMs: this.#world.time.elapsedMs, looksHeld });
  }

  /** Why a report may name the server held although nobody holds it; null: it may not. */
  excuseFor(instance: string, backend: string, server: string): string | null {
    const said = this.#said.get(`${instance} ${backend}/${server}`) ?? [];
    for (const [index, { session, line, tick, atMs, looksHeld }] of said.entries()) {
      if (!looksHeld) continue;
      const next = said.slice(index + 1).find((later) => later.session === session);
      const untilMs = next?.atMs ?? this.#world.time.elapsedMs;
      if (/ state (?:maint|drain)$/.test(line) && untilMs - atMs >= WRITE_MS)
        return 'a pass killed or held up right behind its maint or drain';
      const saw = (session.read?.tick ?? 0) > tick;
      if (/ weight [1-9]\d*$/.test(line) && !saw) return 'a pass killed right behind its weight';
    }
    return null;
  }
}
