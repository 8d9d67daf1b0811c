/** YAML text to plain values, remembering where in the text each value stands. */

import { type Document, isAlias, isMap, isNode, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { isImpossibleName } from '../model/names.ts';
import type { ConfigProblem } from './config-invalid.ts';

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
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false });
  const problems = document.errors.map((error) => ({
    line: lines.linePos(error.pos[0]).line,
    key: '',
    problem: explained(error.code, error.message),
  }));
  let value: unknown = null;
  if (problems.length === 0) {
    try {
      value = document.toJS();
    } catch (error) {
      problems.push({ line: 1, key: '', problem: error instanceof Error ? error.message : String(error) });
    }
  }
  const at = (offset: number | undefined) => (offset === undefined ? 1 : lines.linePos(offset).line);
  problems.push(
    ...impossibleNames(document.contents, document, []).map(({ path, offset }) => ({
      line: at(offset),
      key: path.join('.'),
      problem: 'cannot be used as a name',
    })),
  );
  return {
    value,
    problems,
    lineOf: (path) => at(offsetOf(document, path)),
    keysOf: (path) => [...new Set(pairsOf(document, nodeAt(document, path)?.value).map(({ key }) => key))],
  };
}

function explained(code: string, message: string): string {
  if (code === 'DUPLICATE_KEY') return 'the same key twice in one map';
  if (code === 'TAB_AS_INDENT') return 'YAML is indented with spaces, here is a tab';
  return `not valid YAML: ${message}`;
}

interface PairAt {
  readonly key: string;
  readonly offset: number | undefined;
  readonly value: unknown;
}

function pairsOf(document: Document.Parsed, node: unknown): readonly PairAt[] {
  const map = resolved(document, node);
  if (!isMap(map)) return [];
  return map.items.flatMap((pair) => {
    if (isMergeKey(pair.key)) return pairsOf(document, pair.value);
    const key = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
    return [{ key, offset: isNode(pair.key) ? pair.key.range?.[0] : undefined, value: pair.value }];
  });
}

/** The yaml package reads a plain `<<` as a symbol. */
function isMergeKey(key: unknown): boolean {
  return isScalar(key) && typeof key.value === 'symbol' && key.value.description === '<<';
}

function resolved(document: Document.Parsed, node: unknown): Node | undefined {
  if (isAlias(node)) return node.resolve(document);
  return isNode(node) ? node : undefined;
}

/** Follows `path` as far as it goes; `offset` is that of the last key found. */
function walk(
  document: Document.Parsed,
  path: KeyPath,
): { value: unknown; offset: number | undefined; left: number } {
  let value: unknown = document.contents;
  let offset: number | undefined;
  for (const [index, key] of path.entries()) {
    const pair = pairsOf(document, value).findLast((candidate) => candidate.key === key);
    if (pair === undefined) return { value, offset, left: path.length - index };
    value = pair.value;
    offset = pair.offset ?? offset;
  }
  return { value, offset, left: 0 };
}

function nodeAt(document: Document.Parsed, path: KeyPath): { value: unknown } | undefined {
  const { value, left } = walk(document, path);
  return left === 0 ? { value } : undefined;
}

function offsetOf(document: Document.Parsed, path: KeyPath): number | undefined {
  return walk(document, path).offset;
}

function impossibleNames(
  node: unknown,
  document: Document.Parsed,
  above: KeyPath,
): readonly { path: KeyPath; offset: number | undefined }[] {
  return pairsOf(document, node).flatMap(({ key, offset, value }) => {
    const path = [...above, key];
    const below = isAlias(value) ? [] : impossibleNames(value, document, path);
    return isImpossibleName(key) ? [{ path, offset }, ...below] : below;
  });
}
