/** Clients that know nothing: the limit that HAProxy itself sets, and the way of the article's script. */

import { createConnection } from 'node:net';

const PROMPT = '\n> ';

/**
 * All lines over one connection in prompt mode, without waiting and without looking at an answer. Returns when HAProxy
 * has answered the last one.
 */
export function sendPipelined(socket: string, lines: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let prompts = 0;
    let tail = '';
    const connection = createConnection(socket, () => connection.write(`prompt\n${lines.join('\n')}\n`));
    connection.setEncoding('latin1');
    connection.on('error', reject);
    connection.on('close', () => reject(new Error(`HAProxy closed after ${prompts} answers`)));
    connection.on('data', (chunk: string) => {
      const text = tail + chunk;
      let at = text.indexOf(PROMPT);
      let rest = 0;
      while (at !== -1) {
        prompts += 1;
        rest = at + PROMPT.length;
        at = text.indexOf(PROMPT, rest);
      }
      tail = text.slice(Math.max(rest, text.length - PROMPT.length + 1));
      if (prompts <= lines.length) return;
      resolve();
      connection.destroy();
    });
  });
}

/** One connection for each line, one after the other, as the article's script does. */
export async function sendOneByOne(socket: string, lines: readonly string[]): Promise<void> {
  for (const line of lines) await ask(socket, line);
}

/** One command in a connection of its own; the whole answer. */
export function ask(socket: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const connection = createConnection(socket, () => connection.write(`${line}\n`));
    connection.setEncoding('latin1');
    connection.on('data', (chunk: string) => {
      answer += chunk;
    });
    connection.on('end', () => {
      connection.destroy();
      resolve(answer);
    });
    connection.on('error', reject);
  });
}
