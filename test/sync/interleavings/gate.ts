/**
 * What one pass says to HAProxy, let through line by line, so that a schedule can hold any line back while others go
 * on, send it in two halves, or cut the connection at it.
 *
 * A line goes out once the one before is answered: at most one is under way. So a line that is held back has everything
 * before it executed, and nothing of what is behind it.
 */

import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { OpenSession } from '../../../lib/runtime-api/runtime-session.ts';
import { startSession } from '../../../lib/runtime-api/session.ts';
import type { Trace } from './trace.ts';

export interface Line {
  readonly pass: string;
  /** Of all lines of the pass, whatever session they are in; counted from 1. */
  readonly nth: number;
  readonly text: string;
}

/** Undefined: the line goes through. Otherwise its first half does, and the rest when the promise resolves. */
export type Admit = (line: Line) => Promise<void> | undefined;

/** What HAProxy says of itself, as the pass is to read it. */
export type Disguise = (line: string, reply: string) => string;

export interface Gate {
  readonly openSession: OpenSession;
  /** How many lines came to it so far. */
  readonly lines: () => number;
  /** Ends the connections as the end of the process does; the pass never hears of it, nor of anything else. */
  cut(): void;
}

export interface GateOptions {
  readonly pass: string;
  readonly socket: string;
  readonly trace: Trace;
  readonly admit: Admit;
  readonly disguise: Disguise;
}

export function createGate(options: GateOptions): Gate {
  let lines = 0;
  let isCut = false;
  const open = new Set<GatedStream>();
  const next = () => (lines += 1);
  return {
    lines: () => lines,
    async openSession(_address, { signal }) {
      if (isCut) return new Promise(() => {});
      const upstream = await connected(options.socket);
      const stream = new GatedStream(upstream, options, next);
      open.add(stream.once('close', () => open.delete(stream)));
      return startSession(stream, { address: options.pass, signal });
    },
    cut() {
      isCut = true;
      for (const stream of open) stream.cut();
    },
  };
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket)).once('error', reject);
  });
}

/** In prompt mode every reply ends so. */
const REPLY_END = '\n> ';

class GatedStream extends Duplex {
  readonly #upstream: Socket;
  readonly #options: GateOptions;
  readonly #next: () => number;
  #unfinished = '';
  readonly #waiting: string[] = [];
  #reply = '';
  #answered: (() => void) | undefined;
  #working: Promise<void> | undefined;
  #over = false;
  #cut = false;

  constructor(upstream: Socket, options: GateOptions, next: () => number) {
    super();
    this.#upstream = upstream;
    this.#options = options;
    this.#next = next;
    const end = () => {
      this.#over = true;
      this.#answered?.();
      if (this.#cut) return;
      if (this.#reply !== '') this.push(this.#reply, 'latin1');
      this.push(null);
    };
    upstream.setEncoding('latin1').on('data', (text: string) => {
      this.#reply += text;
      if (this.#reply.endsWith(REPLY_END)) this.#answered?.();
    });
    upstream.once('close', end).on('error', () => {});
  }

  cut(): void {
    this.#cut = true;
    this.#upstream.destroy();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const lines = (this.#unfinished + chunk.toString('latin1')).split('\n');
    this.#unfinished = lines.pop() ?? '';
    this.#waiting.push(...lines);
    this.#working ??= this.#work();
    done();
  }

  override async _final(done: () => void): Promise<void> {
    await this.#working;
    this.#upstream.end();
    done();
  }

  override _read(): void {}

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#upstream.destroy();
    done(error);
  }

  async #work(): Promise<void> {
    for (;;) {
      const text = this.#waiting.shift();
      if (text === undefined) break;
      await this.#pass(text);
      if (this.#cut) return new Promise(() => {});
      if (this.#over) break;
    }
    this.#working = undefined;
  }

  async #pass(text: string): Promise<void> {
    const { pass, admit, trace, disguise } = this.#options;
    const held = admit({ pass, nth: this.#next(), text });
    const half = held === undefined ? 0 : Math.floor(text.length / 2);
    if (half > 0) this.#upstream.write(text.slice(0, half), 'latin1');
    await held;
    if (this.#cut || this.#over) return;
    this.#reply = '';
    const answered = new Promise<void>((resolve) => {
      this.#answered = resolve;
    });
    this.#upstream.write(`${text.slice(half)}\n`, 'latin1');
    if (text !== 'quit') await answered;
    if (this.#cut) return;
    const reply = disguise(text, this.#reply);
    this.#reply = '';
    if (this.#over) return;
    trace.add(pass, text, firstLine(reply));
    if (reply !== '') this.push(reply, 'latin1');
  }
}

function firstLine(reply: string): string {
  return (reply.split('\n')[0] ?? '').slice(0, 120);
}
