/** Which command a command line names, before there are any commands that could say so. */

import type { Command } from 'commander';

/**
 * The first word that is neither an option of the program nor such an option's value.
 *
 * @param program with its own options, without commands. @returns undefined when there is none.
 */
export function namedCommand(program: Command, words: readonly string[]): string | undefined {
  const takesNext = (word: string) =>
    program.options.some(({ required, short, long }) => required && (word === short || word === long));
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (!word.startsWith('-')) return word;
    if (takesNext(word)) at += 1;
  }
  return undefined;
}
