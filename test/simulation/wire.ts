/**
 * A connection to a simulated HAProxy, byte by byte: chunks are cut anywhere, take their time, and may never come.
 */

import { Duplex } from 'node:stream';
import { delayMs, type LineDelays, linesOf } from './line-delays.ts';
import type { Random } from './random.ts';
import type { VirtualTime } from './virtual-time.ts';

/** HAProxy's end. */
export interface FarEnd {
  /** Bytes came in. Returns what to send back; null: it hangs up. */
  received(text: string): string | null;
  /** Bytes leave our side. Returns what is done first when they come in. */
  sent(): () => void;
  /** The other side is gone. */
  closed(): void;
}

export interface WireOptions {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly far: FarEnd;
  /** One way, in milliseconds, at least and at most. */
  readonly latencyMs: readonly [number, number];
  /** Null: what was written together comes in together. */
  readonly lines: LineDelays | null;
  /** False: our side is dead. It hears nothing any more, and what it sent gets lost on the way, unless it `outlives`. */
  readonly isAlive: () => boolean;
  /** What our side sent before it died comes in all the same. */
  readonly outlives: boolean;
}

/** Our end. */
export class Wire extends Duplex {
  readonly #options: WireOptions;
  readonly #next = { outMs: 0, backMs: 0 };
  #hungUp = false;

  constructor(options: WireOptions) {
    super();
    this.#options = options;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const { lines, random, far } = this.#options;
    const arriving = far.sent();
    for (const part of lines === null ? [chunk] : linesOf(chunk)) {
      const laterMs = lines === null ? 0 : delayMs(random, lines);
      for (const piece of this.#cut(part))
        this.#deliver('outMs', () => this.#arrive(piece, arriving), laterMs);
    }
    done();
  }

  override _final(done: () => void): void {
    this.#deliver('outMs', () => this.#hangUp());
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#deliver('outMs', () => this.#hangUp());
    done(error);
  }

  /** HAProxy is gone: the end of the stream comes in after what is under way. */
  endByFar(): void {
    if (this.#hungUp) return;
    this.#hungUp = true;
    this.#options.far.closed();
    this.#deliver('backMs', () => this.#receive(null));
  }

  #arrive(piece: Buffer, arriving: () => void): void {
    if (this.#hungUp) return;
    arriving();
    const reply = this.#options.far.received(piece.toString('latin1'));
    if (reply === null) this.endByFar();
    if (reply === null || reply === '') return;
    for (const back of this.#cut(Buffer.from(reply))) this.#deliver('backMs', () => this.#receive(back));
  }

  #receive(piece: Buffer | null): void {
    if (!this.destroyed && !this.readableEnded) this.push(piece);
  }

  #hangUp(): void {
    if (this.#hungUp) return;
    this.#hungUp = true;
    this.#options.far.closed();
    this.#deliver('backMs', () => this.#receive(null));
  }

  /** In order, each way. */
  #deliver(way: 'outMs' | 'backMs', work: () => void, laterMs = 0): void {
    const { time, random, latencyMs, isAlive, outlives } = this.#options;
    const atMs = Math.max(time.elapsedMs + random.between(...latencyMs), this.#next[way]) + laterMs;
    this.#next[way] = atMs;
    time.after(atMs - time.elapsedMs, () => {
      if (isAlive() || (outlives && way === 'outMs')) work();
    });
  }

  /** Mostly one piece; now and then two, cut anywhere. */
  #cut(bytes: Buffer): Buffer[] {
    if (bytes.length < 2 || !this.#options.random.chance(0.15)) return [bytes];
    const at = this.#options.random.between(1, bytes.length - 1);
    return [bytes.subarray(0, at), bytes.subarray(at)];
  }
}
