/**
 * Text that somebody else wrote, made fit for a terminal, a log line and a report. Every message and every printer
 * goes through here: escape sequences and characters that turn the direction of text could show what is not so.
 */

/** Control, format (such as text direction), unassigned and lone surrogate characters, and line separators. */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/gu;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** `text` with everything invisible written out (`\n`, `\x1b`, `\u{202e}`); visible text comes back as it is. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, escapeOf);
}

/** As `visible`, but lines stay lines. */
export function visibleLines(text: string): string {
  return text.split('\n').map(visible).join('\n');
}

/**
 * `text` with everything invisible written out (`\n`, `\x00`, `\u{202e}`), cut to `longest` characters, the last
 * of which is then `…`. A backslash stays as it is: the result is for eyes, not for parsing.
 */
export function printable(text: string, longest: number): string {
  const beginning = text.slice(0, longest * 2);
  const shown = [...visible(beginning)];
  if (shown.length <= longest && beginning.length === text.length) return shown.join('');
  return `${shown.slice(0, longest - 1).join('')}…`;
}

function escapeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  return SHORT[character] ?? (code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u{${hex}}`);
}
