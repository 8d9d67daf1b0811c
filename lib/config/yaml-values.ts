/**
 * The values of a YAML document, with its aliases and merge keys (`<<`) put in.
 *
 * The yaml package can do that, too (`toJS`), and looks through the whole document for each alias: measured on 2.9.1, a
 * chain of 300 merges takes more than 20 s, and more than 100 uses of one anchor are refused. Here every node is read
 * once, in the order of the text, and whoever refers to an anchor gets what was made of it: a few lines that stand for
 * billions of values cost no more than their own length, and are refused by their number.
 */

import { type Document, isAlias, isMap, isNode, isScalar, isSeq, type YAMLMap } from 'yaml';
import { MOST_CONFIG_VALUES } from '../model/limits.ts';

export interface PairAt {
  readonly key: string;
  /** Of the key in the text. */
  readonly offset: number | undefined;
  readonly node: unknown;
}

export interface YamlValues {
  /** Null for a document without content. */
  readonly value: unknown;
  /** Of the map that `node` is, or refers to, in the order of the text, the merged ones too; empty: it is none. */
  readonly pairsOf: (node: unknown) => ReadonlyMap<string, PairAt>;
  /** The same without the merged ones. */
  readonly ownPairsOf: (node: unknown) => readonly PairAt[];
}

/** What cannot be put in: an alias without its anchor, one that contains itself, or too many values. */
export class YamlNotReadable extends Error {
  override readonly name = 'YamlNotReadable';
  readonly code = 'CONFIG_YAML_NOT_READABLE';
  readonly offset: number | undefined;

  constructor(message: string, offset: number | undefined) {
    super(message);
    this.offset = offset;
  }
}

interface Made {
  readonly value: unknown;
  /** Values in it, those of aliases counted wherever they are put in. */
  readonly size: number;
  readonly pairs: ReadonlyMap<string, PairAt>;
  /** Those of `pairs` that were not merged. */
  readonly own: readonly PairAt[];
}

const NO_PAIRS = { pairs: new Map(), own: [] } as const;

/** @throws YamlNotReadable */
export function readValues(document: Document.Parsed): YamlValues {
  const anchored = new Map<string, Made | 'not yet'>();
  const made = new Map<unknown, Made>();
  let copied = 0;

  const read = (node: unknown): Made => {
    const { anchor } = isScalar(node) || isMap(node) || isSeq(node) ? node : {};
    if (anchor !== undefined) anchored.set(anchor, 'not yet');
    const one = make(node);
    if (one.size + copied > MOST_CONFIG_VALUES) {
      const problem = `the anchors and merge keys up to here make more than ${MOST_CONFIG_VALUES} values of it`;
      throw new YamlNotReadable(problem, offsetOf(node));
    }
    if (anchor !== undefined) anchored.set(anchor, one);
    made.set(node, one);
    return one;
  };
  const make = (node: unknown): Made => {
    if (isAlias(node)) return target(node.source, offsetOf(node));
    if (isMap(node)) return makeMap(node);
    if (isSeq(node)) {
      const items = node.items.map(read);
      const size = items.reduce((sum, item) => sum + item.size, 1);
      return { value: items.map(({ value }) => value), size, ...NO_PAIRS };
    }
    return { value: isScalar(node) ? node.value : null, size: 1, ...NO_PAIRS };
  };
  const target = (anchor: string, offset: number | undefined): Made => {
    const found = anchored.get(anchor);
    if (found === undefined) throw new YamlNotReadable(`there is no anchor &${anchor} before this`, offset);
    if (found === 'not yet') throw new YamlNotReadable(`*${anchor} contains itself`, offset);
    return found;
  };
  const makeMap = (map: YAMLMap): Made => {
    const values = new Map<string, unknown>();
    const pairs = new Map<string, PairAt>();
    const own = new Map<string, PairAt>();
    let size = 1;
    for (const { key, value: node } of map.items) {
      const { value, size: more } = read(node);
      size += more;
      if (isMergeKey(key)) {
        const sources = isSeq(node) ? node.items : [node];
        for (const source of sources) copied += merge(made.get(source), values, pairs, offsetOf(source));
        continue;
      }
      const name = String(read(key).value);
      const pair = { key: name, offset: offsetOf(key), node };
      if (own.has(name)) throw new YamlNotReadable('the same key twice in one map', pair.offset);
      values.set(name, value);
      pairs.set(name, pair);
      own.set(name, pair);
    }
    return {
      value: Object.fromEntries(values),
      size: size + pairs.size - own.size,
      pairs,
      own: [...own.values()],
    };
  };

  const { value } = document.contents === null ? { value: null } : read(document.contents);
  const pairsOf = (node: unknown) => made.get(node) ?? NO_PAIRS;
  return { value, pairsOf: (node) => pairsOf(node).pairs, ownPairsOf: (node) => pairsOf(node).own };
}

/**
 * Adds what `values` does not have yet: what stands in the map itself counts, and the earlier of two sources.
 *
 * @returns how many pairs were looked at.
 */
function merge(
  source: Made | undefined,
  values: Map<string, unknown>,
  pairs: Map<string, PairAt>,
  offset: number | undefined,
): number {
  const from = source?.value;
  if (source === undefined || typeof from !== 'object' || from === null || Array.isArray(from)) {
    throw new YamlNotReadable('a merge key (<<) takes a map, or a list of maps', offset);
  }
  for (const [name, pair] of source.pairs) {
    if (values.has(name)) continue;
    values.set(name, Reflect.get(from, name));
    pairs.set(name, pair);
  }
  return source.pairs.size;
}

/** The yaml package reads a plain `<<` as a symbol. */
function isMergeKey(key: unknown): boolean {
  return isScalar(key) && typeof key.value === 'symbol' && key.value.description === '<<';
}

function offsetOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
