/**
 * Splits the byte stream of a Runtime API in prompt mode into replies.
 *
 * After `prompt`, every line that is sent is answered by one reply, and every reply ends with a newline and the
 * prompt `> `; a command with nothing to say is answered by that end alone. No reply contains a line that begins
 * with `> `. Measured as identical on HAProxy 2.2, 2.6, 3.0 and 3.2.
 *
 * Does no I/O: feed it chunks cut anywhere, even inside a UTF-8 character or inside the end of a reply.
 */

import { StringDecoder } from 'node:string_decoder';
import { LONGEST_REPLY } from '../model/limits.ts';

/** What ends a reply; also the whole answer to `prompt`. */
export const REPLY_END = '\n> ';

export class ReplyDecoder {
  readonly #largest: number;
  readonly #utf8 = new StringDecoder('utf8');
  /** Text of the reply that is still coming in; it does not contain {@link REPLY_END}. */
  #received: string[] = [];
  #size = 0;
  /** The last characters received, which may be the beginning of {@link REPLY_END}. */
  #tail = '';

  /** @param largest characters that may wait for the end of their reply. */
  constructor(largest: number = LONGEST_REPLY.table) {
    this.#largest = largest;
  }

  /**
   * Returns the replies that `chunk` completed, in order; often none. A reply is given as HAProxy wrote it, its own
   * trailing newlines included: `No such server.\n`, or the empty string where HAProxy had nothing to say.
   *
   * @throws RangeError when a reply does not end within the ceiling; the decoder is of no use after that.
   */
  push(chunk: Uint8Array): string[] {
    const [first = '', ...others] = (this.#tail + this.#utf8.write(chunk)).split(REPLY_END);
    const rest = others.pop();
    if (rest === undefined) {
      this.#keep(first);
      return [];
    }
    const replies = [[...this.#received, first].join(''), ...others];
    this.#received = [];
    this.#size = 0;
    this.#keep(rest);
    return replies;
  }

  /** True when no half-received reply is waiting: the stream may end here. */
  get atBoundary(): boolean {
    return this.waiting === 0;
  }

  /** Characters of the reply that is still coming in. */
  get waiting(): number {
    return this.#size + this.#tail.length;
  }

  #keep(rest: string): void {
    const body = Math.max(0, rest.length - (REPLY_END.length - 1));
    if (body > 0) this.#received.push(rest.slice(0, body));
    this.#size += body;
    this.#tail = rest.slice(body);
    if (this.waiting > this.#largest) {
      throw new RangeError(`a reply did not end within ${this.#largest} characters`);
    }
  }
}
