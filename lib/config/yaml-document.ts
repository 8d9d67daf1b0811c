/** YAML text to plain values, remembering where in the text each value stands. */

import { isAlias, LineCounter, parseDocument } from 'yaml';
import { isImpossibleName } from '../model/names.ts';
import type { ConfigProblem } from './config-invalid.ts';
import { readValues, YamlNotReadable, type YamlValues } from './yaml-values.ts';

/** The keys that lead to a value, from the outermost. */
export type KeyPath = readonly string[];

export interface YamlDocument {
  /** Null for a text without content. */
  readonly value: unknown;
  readonly problems: readonly ConfigProblem[];
  /** The line of the key that `path` leads to, or of the nearest one around it; 1 when there is none. */
  lineOf(path: KeyPath): number;
  /** The keys of the map at `path` in the order of the file (a JavaScript object puts numbers first). */
  keysOf(path: KeyPath): readonly string[];
}

/** YAML 1.2 with anchors and merge keys (`<<`). Never throws: what cannot be read is in `problems`. */
export function readYaml(text: string): YamlDocument {
  const lines = new LineCounter();
  // Its own look for keys that are there twice compares each of a map with all others.
  const options = { lineCounter: lines, merge: true, prettyErrors: false, uniqueKeys: false };
  const document = parseDocument(text, options);
  const root: unknown = document.contents;
  const at = (offset: number | undefined) => (offset === undefined ? 1 : lines.linePos(offset).line);
  const deep = document.errors.find(({ message }) => TOO_DEEP.test(message));
  const problems = (deep === undefined ? document.errors : [deep]).map((error) => ({
    line: lines.linePos(error.pos[0]).line,
    key: '',
    problem: explained(error.code, error.message),
  }));
  let values: YamlValues = { value: null, pairsOf: () => new Map(), ownPairsOf: () => [] };
  if (problems.length === 0) {
    try {
      values = readValues(document);
    } catch (error) {
      const offset = error instanceof YamlNotReadable ? error.offset : undefined;
      const words = error instanceof Error ? error.message : String(error);
      problems.push({ line: at(offset), key: '', problem: TOO_DEEP.test(words) ? NESTED : words });
    }
  }
  problems.push(
    ...impossibleNames(root, values, []).map(({ path, offset }) => ({
      line: at(offset),
      key: path.join('.'),
      problem: 'cannot be used as a name',
    })),
  );
  return {
    value: values.value,
    problems,
    lineOf: (path) => at(walk(root, values, path).offset),
    keysOf: (path) => {
      const { node, left } = walk(root, values, path);
      return left === 0 ? [...values.pairsOf(node).keys()] : [];
    },
  };
}

/** What JavaScript says where a text is nested deeper than its stack. */
const TOO_DEEP = /call stack/;
const NESTED = 'it is nested too deeply';

function explained(code: string, message: string): string {
  if (TOO_DEEP.test(message)) return NESTED;
  if (code === 'TAB_AS_INDENT') return 'YAML is indented with spaces, here is a tab';
  return `not valid YAML: ${message}`;
}

/** Follows `path` as far as it goes; `offset` is that of the last key found. */
function walk(
  root: unknown,
  values: YamlValues,
  path: KeyPath,
): { node: unknown; offset: number | undefined; left: number } {
  let node = root;
  let offset: number | undefined;
  for (const [index, key] of path.entries()) {
    const pair = values.pairsOf(node).get(key);
    if (pair === undefined) return { node, offset, left: path.length - index };
    node = pair.node;
    offset = pair.offset ?? offset;
  }
  return { node, offset, left: 0 };
}

/** What an alias stands for is looked at where it is written. */
function impossibleNames(
  node: unknown,
  values: YamlValues,
  above: KeyPath,
): readonly { path: KeyPath; offset: number | undefined }[] {
  if (isAlias(node)) return [];
  return values.ownPairsOf(node).flatMap(({ key, offset, node: value }) => {
    const path = [...above, key];
    const below = impossibleNames(value, values, path);
    return isImpossibleName(key) ? [{ path, offset }, ...below] : below;
  });
}
