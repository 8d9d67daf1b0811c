/** Rows as columns, aligned and without borders: easy to read, and to cut with `awk`. */

import Table from 'cli-table3';
import { faint } from './colours.ts';

const NO_LINES = Object.fromEntries(
  ['top', 'bottom', 'left', 'right', 'mid']
    .flatMap((place) => [place, `${place}-mid`, `${place}-left`, `${place}-right`])
    .map((place) => [place, '']),
);

/** The lines, each indented by two spaces. No rows: none, not even the heads. */
export function columns(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const table = new Table({
    head: heads.map((head) => faint(head.toUpperCase())),
    chars: { ...NO_LINES, 'left-mid': '', 'right-mid': '', middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split('\n')
    .map((line) => `  ${line.trimEnd()}`);
}
