/**
 * Where words go: results to standard output, everything else to standard error. Nothing invisible goes out but line
 * ends and our own colours: an escape sequence that somebody put into a name must not reach a terminal.
 */

import { visibleLines } from '../../model/printable.ts';

/** One or more lines of the result; without lines, nothing. */
export function print(lines: readonly string[]): void {
  if (lines.length > 0) process.stdout.write(`${lines.map(withOurColours).join('\n')}\n`);
}

/** The whole result as one document. What is invisible is escaped as JSON has it, so the values stay as they are. */
export function printJson(document: unknown): void {
  const text = JSON.stringify(document, null, 2);
  process.stdout.write(`${text.replace(INVISIBLE_IN_JSON, jsonEscape)}\n`);
}

/** A message beside the result: an error, a notice, progress. Its further lines are indented. */
export function tell(message: string): void {
  process.stderr.write(`hitless: ${visibleLines(message).replaceAll('\n', '\n  ')}\n`);
}

/** Those of colours.ts: bold, dim, red, green, yellow, and their ends. */
const COLOUR = /(\p{Cc}\[(?:1|2|22|31|32|33|39)m)/u;
const ESCAPE = '\x1b';

function withOurColours(line: string): string {
  if (!line.includes(ESCAPE)) return visibleLines(line);
  return line
    .split(COLOUR)
    .map((part, index) => (index % 2 === 1 && part.startsWith(ESCAPE) ? part : visibleLines(part)))
    .join('');
}

/** JSON.stringify escapes the control characters below 0x20; its own line ends stay. */
const INVISIBLE_IN_JSON = /[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu;

function jsonEscape(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}
