/** The keys of hitless.yml: their types, limits and defaults, all in this one place. */

import * as v from 'valibot';
import { ANSWER_BYTES } from '../model/limits.ts';
import { whyNotOptions } from '../model/server-options.ts';
import { didYouMean } from './did-you-mean.ts';
import { readConsulAddress, readInstanceAddress, readPlaceholder, readStore } from './read-address.ts';
import {
  consulName,
  count,
  duration,
  expected,
  path,
  type Read,
  readWith,
  share,
  size,
  slotPrefix,
  whyNotBackendName,
  whyNotKeyName,
  yesOrNo,
} from './read-value.ts';

const tlsFiles = { ca: v.exactOptional(path()), cert: v.exactOptional(path()), key: v.exactOptional(path()) };

const backend = map({
  service: consulName('the name of a Consul service'),
  /** Default: any endpoint of the service. */
  tags: v.optional(list('a list of tags such as [web]', consulTag()), []),
  include: v.optional(readWith(readInclude), ['passing']),
  weights: v.optional(yesOrNo(), true),
  server: v.optional(slotPrefix(), 'srv'),
  /** HAProxy's round robin serves at most 4,095 servers; configuration.txt, `balance`. */
  slots: v.optional(count(1, 4095), 10),
  spare: v.optional(count(0, 1000), 4),
  options: v.optional(readWith(readOptions), 'check'),
  placeholder: v.optional(readWith(readPlaceholder), '0.0.0.0:80'),
  drain: v.optional(duration(), '30s'),
  keep: v.optional(share(), '50%'),
  hold: v.optional(duration(), '60s'),
  allow_empty: v.optional(yesOrNo(), false),
});

/** Where further instances are found; only the key `consul` can have it, and only as a map. */
const instancesFrom = map({
  service: consulName('the name of a Consul service'),
  scheme: readWith(readScheme),
  /** Default: every registration of the service. */
  tags: v.optional(list('a list of tags such as [edge]', consulTag()), []),
});

const instance = readWith(readInstanceAddress);

const fleet = map({
  instances: v.pipe(
    anyMap('at least one instance, by name'),
    v.objectWithRest(
      { consul: v.exactOptional(v.lazy((input) => (isMap(input) ? instancesFrom : instance))) },
      instance,
    ),
    namesCheck('at least one instance', whyNotKeyName),
  ),
  tls: v.optional(map(tlsFiles), {}),
  /** Default: see SNAPSHOT_EVERY_MS in parse-config.ts. */
  snapshot_every: v.exactOptional(duration()),
  report_every: v.optional(duration(), '0s'),
  shard: v.optional(count(1, 1000), 50),
  /** For one instance in one pass. */
  timeout: v.optional(duration(100), '5s'),
  /** Default: LARGEST_ANSWER_BYTES. */
  consul_answer: v.exactOptional(size(ANSWER_BYTES.least, ANSWER_BYTES.most)),
  /** Default: no configuration is rendered. */
  template: v.exactOptional(path()),
  backends: named('at least one backend', whyNotBackendName, backend),
});

export const configSchema = map({
  consul: v.optional(
    map({
      address: v.optional(readWith(readConsulAddress), 'http://127.0.0.1:8500'),
      /** Default: the agent's own. */
      datacenter: v.exactOptional(consulName('the name of a Consul datacenter')),
      ...tlsFiles,
    }),
    {},
  ),
  store: readWith(readStore),
  fleets: named('at least one fleet', whyNotKeyName, fleet),
});

export type ConfigOfSchema = v.InferOutput<typeof configSchema>;
export type FleetOfSchema = ConfigOfSchema['fleets'][string];
export type BackendOfSchema = FleetOfSchema['backends'][string];

/** A map with these keys and no others. */
function map<const Entries extends v.ObjectEntries>(entries: Entries) {
  const known = Object.keys(entries);
  return v.pipe(
    anyMap(`a map with the keys ${known.join(', ')}`),
    v.looseObject(entries, 'is missing'),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!isMap(dataset.value)) return;
      for (const key of Object.keys(dataset.value).filter((candidate) => !known.includes(candidate))) {
        const meant = didYouMean(key, known);
        const hint = meant === undefined ? `the keys here are ${known.join(', ')}` : `did you mean ${meant}?`;
        addIssue({ message: `unknown key, ${hint}`, path: [keyOf(dataset.value, key)] });
      }
    }),
  );
}

/** A map from names to values of one kind; not empty. */
function named<Value extends v.GenericSchema>(
  what: string,
  whyNot: (name: string) => string | undefined,
  value: Value,
) {
  return v.pipe(anyMap(`${what}, by name`), v.record(v.string(), value), namesCheck(what, whyNot));
}

function namesCheck<Value extends Record<string, unknown>>(
  what: string,
  whyNot: (name: string) => string | undefined,
) {
  return v.rawCheck<Value>(({ dataset, addIssue }) => {
    if (!isMap(dataset.value)) return;
    const names = Object.keys(dataset.value);
    if (names.length === 0) addIssue({ message: `expected ${what}, got none` });
    for (const name of names) {
      const problem = whyNot(name);
      if (problem !== undefined) addIssue({ message: problem, path: [keyOf(dataset.value, name)] });
    }
  });
}

function anyMap(what: string) {
  return v.custom<Record<string, unknown>>(isMap, (issue) => expected(what, issue.input));
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function keyOf(input: Record<string, unknown>, key: string): v.ObjectPathItem {
  return { type: 'object', origin: 'key', input, key, value: input[key] };
}

function list<Item extends v.GenericSchema>(what: string, item: Item) {
  return v.array(item, (issue) => expected(what, issue.input));
}

function consulTag() {
  return v.pipe(
    v.string((issue) => expected('a tag', issue.input)),
    v.nonEmpty('a tag cannot be empty'),
  );
}

function readScheme(input: unknown): Read<'tcp' | 'tls'> {
  return input === 'tcp' || input === 'tls'
    ? { value: input }
    : { refused: expected('tcp or tls, which every instance of the service then speaks', input) };
}

function readInclude(input: unknown): { value: readonly ('passing' | 'warning')[] } | { refused: string } {
  const refused = { refused: expected('[passing] or [passing, warning]', input) };
  if (!Array.isArray(input) || !input.includes('passing')) return refused;
  if (input.some((status) => status !== 'passing' && status !== 'warning')) return refused;
  return { value: input.includes('warning') ? ['passing', 'warning'] : ['passing'] };
}

function readOptions(input: unknown): { value: string } | { refused: string } {
  if (typeof input !== 'string') return { refused: expected('the rest of a server line', input) };
  const options = input.trim();
  const problem = whyNotOptions(options);
  return problem === undefined ? { value: options } : { refused: problem };
}
