/** The recorded replies to one line, as a command's reader gets them. */

import type { Speaker } from './conversation.ts';
import { recordings } from './recordings.ts';

export interface RecordedReply {
  /** `2.6`. */
  readonly release: string;
  /** Without the newline and the prompt that end it. */
  readonly reply: string;
}

/** One for each recorded release. @throws Error when the line is not part of the conversation. */
export function repliesTo(line: string, speaker: Speaker = 'admin'): readonly RecordedReply[] {
  return recordings.map(({ release, exchanges }) => {
    const found = exchanges.find((exchange) => exchange.speaker === speaker && exchange.send === `${line}\n`);
    if (found === undefined) throw new Error(`${speaker} did not say \`${line}\` to ${release}`);
    return { release, reply: found.reply.slice(0, -'\n> '.length) };
  });
}
