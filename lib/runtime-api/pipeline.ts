/**
 * Lines out, replies in, over one stream in prompt mode: the n-th reply belongs to the n-th line.
 *
 * Several lines are under way at once, but never more than a window of them: HAProxy stops reading when its replies
 * are not read, after 230 kB at the earliest (measured on 2.2 to 3.2). When the stream ends early, every waiting line
 * is given up and none is sent again, for HAProxy may have executed it.
 */

import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { meaningOf } from './connection-failure.ts';
import { SessionLost } from './errors.ts';
import type { Conversation } from './prompt-mode.ts';
import { ReplyDecoder } from './reply-decoder.ts';

/** Lines without a reply. A line is at most 1.5 kB (`add server`), most are below 100 bytes: a window fills no buffer. */
const WINDOW = 128;
/** How long HAProxy may take to close the connection after `quit`. */
const CLOSE_GRACE_MS = 250;

interface WaitingLine {
  readonly line: string;
  resolve(reply: string): void;
  reject(error: SessionLost): void;
}

export class Pipeline {
  readonly #stream: Duplex;
  readonly #conversation: Conversation;
  readonly #decoder = new ReplyDecoder();
  readonly #written: WaitingLine[] = [];
  readonly #unwritten: WaitingLine[] = [];
  /** Why the conversation is over; undefined while it goes on. */
  #over: string | undefined;
  #closed: Promise<void> | undefined;

  /** @param stream in prompt mode and paused, as {@link enterPromptMode} leaves it. */
  constructor(stream: Duplex, conversation: Conversation) {
    this.#stream = stream;
    this.#conversation = conversation;
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    stream.on('end', () => this.#lose('HAProxy closed the connection'));
    stream.on('close', () => this.#lose('the connection was closed'));
    stream.on('error', (error) => this.#lose(meaningOf(error), error));
    conversation.signal.addEventListener('abort', this.#onAbort);
    if (conversation.signal.aborted) this.#onAbort();
    else if (stream.destroyed) this.#lose('the connection was closed');
    else stream.resume();
  }

  /**
   * Sends all lines, in order; one reply for each, in the same order. Empty: empty.
   *
   * @throws SessionLost when not every reply came in.
   */
  ask(lines: readonly string[]): Promise<string[]> {
    if (this.#over !== undefined) {
      return Promise.reject(new SessionLost(this.#conversation.address, this.#over, 0));
    }
    const replies = lines.map(
      (line) => new Promise<string>((resolve, reject) => this.#unwritten.push({ line, resolve, reject })),
    );
    this.#write();
    return Promise.all(replies);
  }

  /** Says `quit` and ends the stream; gives up what waits. Never throws; a second call waits for the first. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #write(): void {
    const next = this.#unwritten.splice(0, WINDOW - this.#written.length);
    if (next.length === 0) return;
    this.#written.push(...next);
    this.#stream.write(next.map(({ line }) => `${line}\n`).join(''));
  }

  #receive(chunk: Buffer): void {
    if (this.#over !== undefined) return;
    try {
      for (const reply of this.#decoder.push(chunk)) this.#answer(reply);
      this.#write();
    } catch (error) {
      this.#lose(meaningOf(error), error);
    }
  }

  #answer(reply: string): void {
    const waiting = this.#written.shift();
    if (waiting === undefined) throw new Error('HAProxy answered what was not asked');
    waiting.resolve(reply);
  }

  readonly #onAbort = () => {
    const { reason } = this.#conversation.signal;
    this.#lose(`given up: ${reason instanceof Error ? reason.message : String(reason)}`, reason);
  };

  #lose(why: string, cause?: unknown): void {
    if (this.#over !== undefined) return;
    this.#giveUp(why, cause);
    this.#stream.destroy();
  }

  #giveUp(why: string, cause?: unknown): void {
    this.#over = why;
    this.#conversation.signal.removeEventListener('abort', this.#onAbort);
    const lost = new SessionLost(this.#conversation.address, why, this.#written.length, cause);
    for (const waiting of [...this.#written.splice(0), ...this.#unwritten.splice(0)]) waiting.reject(lost);
  }

  async #close(): Promise<void> {
    if (this.#over === undefined) this.#giveUp('the session was closed');
    if (!this.#stream.destroyed) {
      const grace = new AbortController();
      this.#stream.once('close', () => grace.abort());
      this.#stream.end('quit\n');
      await sleep(CLOSE_GRACE_MS, undefined, { signal: grace.signal }).catch(() => {});
    }
    this.#stream.destroy();
  }
}
