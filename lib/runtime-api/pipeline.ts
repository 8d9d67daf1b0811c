/**
 * Lines out, replies in, over one stream in prompt mode: the n-th reply belongs to the n-th line.
 *
 * Several lines are under way at once, but never more than a window of them: HAProxy stops reading when its replies
 * are not read, after 230 kB at the earliest (measured on 2.2 to 3.2). When the stream ends early, every waiting line
 * is given up and none is sent again, for HAProxy may have executed it.
 */

import type { Duplex } from 'node:stream';
import { LONGEST_REPLY } from '../model/limits.ts';
import { meaningOf } from './connection-failure.ts';
import { SessionLost } from './errors.ts';
import type { Conversation } from './prompt-mode.ts';
import { ReplyDecoder } from './reply-decoder.ts';

/**
 * Lines without a reply, and how few of them are left when more are written: many lines in one write cost less than one
 * for each reply. (Measured with 4,000 commands: 53 ms of processor time with 128 lines and a write for each chunk of
 * replies, 30 ms so, and no less with more.)
 */
const WINDOW = { most: 1_024, refill: 512 };
/** How long HAProxy may take to close the connection after `quit`. */
const CLOSE_GRACE_MS = 250;

/** Lines that were asked together, and are answered together. */
interface Question {
  readonly lines: readonly string[];
  /** Characters of one reply. */
  readonly longest: number;
  /** How many of them were written. */
  written: number;
  readonly replies: string[];
  resolve(replies: string[]): void;
  reject(error: SessionLost): void;
}

export class Pipeline {
  readonly #stream: Duplex;
  readonly #conversation: Conversation;
  readonly #decoder = new ReplyDecoder();
  /** Without an answer, in the order in which they were asked. */
  readonly #questions: Question[] = [];
  /** Lines that were written and have no reply. */
  #outstanding = 0;
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
   * @param longest characters of one reply; a longer one ends the conversation before its end is waited for.
   * @throws SessionLost when not every reply came in.
   */
  ask(lines: readonly string[], longest: number): Promise<string[]> {
    if (this.#over !== undefined) {
      return Promise.reject(new SessionLost(this.#conversation.address, this.#over, 0));
    }
    if (lines.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      this.#questions.push({ lines, longest, written: 0, replies: [], resolve, reject });
      // What is asked in the same breath goes out in one write.
      queueMicrotask(() => this.#write());
    });
  }

  /** Says `quit` and ends the stream; gives up what waits. Never throws; a second call waits for the first. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #write(): void {
    if (this.#outstanding > WINDOW.refill) return;
    let text = '';
    for (const question of this.#questions) {
      const room = WINDOW.most - this.#outstanding;
      if (room === 0) break;
      const next = question.lines.slice(question.written, question.written + room);
      for (const line of next) text += `${line}\n`;
      question.written += next.length;
      this.#outstanding += next.length;
    }
    if (text !== '') this.#stream.write(text);
  }

  #receive(chunk: Buffer): void {
    if (this.#over !== undefined) return;
    try {
      for (const reply of this.#decoder.push(chunk)) this.#answer(reply);
      checkLength(this.#decoder.waiting, this.#questions[0]);
      this.#write();
    } catch (error) {
      this.#lose(meaningOf(error), error);
    }
  }

  #answer(reply: string): void {
    const [question] = this.#questions;
    if (question === undefined || this.#outstanding === 0)
      throw new Error('HAProxy answered what was not asked');
    checkLength(reply.length, question);
    this.#outstanding -= 1;
    question.replies.push(reply);
    if (question.replies.length < question.lines.length) return;
    this.#questions.shift();
    question.resolve(question.replies);
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
    const unanswered = this.#questions.splice(0);
    if (unanswered.length === 0) return;
    const lost = new SessionLost(this.#conversation.address, why, this.#outstanding, cause);
    for (const question of unanswered) question.reject(lost);
  }

  async #close(): Promise<void> {
    if (this.#over === undefined) this.#giveUp('the session was closed');
    if (!this.#stream.destroyed) {
      await new Promise<void>((resolve) => {
        const grace = setTimeout(resolve, CLOSE_GRACE_MS);
        this.#stream.once('close', () => {
          clearTimeout(grace);
          resolve();
        });
        this.#stream.end('quit\n');
      });
    }
    this.#stream.destroy();
  }
}

/** @throws RangeError when it is no answer to `question` any more, which may be that nothing was asked. */
function checkLength(characters: number, question: Question | undefined): void {
  const longest = question?.longest ?? LONGEST_REPLY.message;
  if (characters > longest) throw new RangeError(`a reply did not end within ${longest} characters`);
}
