/** The other end of a session: says what a test wants, when it wants, and remembers what it was told. */

import { type Duplex, duplexPair } from 'node:stream';

export interface ScriptedHaproxy {
  /** Our client's end. */
  readonly stream: Duplex;
  /** HAProxy's end. */
  readonly far: Duplex;
  /** Every complete line that came in, in order. */
  readonly lines: readonly string[];
}

/**
 * @param answer what to say to a line, the prompt included; undefined: nothing. `prompt` is answered as HAProxy does
 *   unless `answer` says otherwise, `quit` by hanging up.
 */
export function scriptedHaproxy(
  answer: (line: string) => string | undefined = () => '\n> ',
): ScriptedHaproxy {
  const [stream, far] = duplexPair();
  const lines: string[] = [];
  let pending = '';
  far.setEncoding('utf8');
  far.on('error', () => {});
  far.on('data', (chunk: string) => {
    const complete = (pending + chunk).split('\n');
    pending = complete.pop() ?? '';
    for (const line of complete) {
      lines.push(line);
      const words = answer(line);
      if (line === 'quit') far.end();
      else if (words !== undefined) far.write(words);
    }
  });
  return { stream, far, lines };
}
