/**
 * The slot table as an object: JSON with one slot on a line, so that a table of thousands stays small and a
 * difference between two generations shows what moved.
 */

import * as v from 'valibot';
import { isImpossibleName } from '../model/names.ts';
import { whyNotOptions } from '../model/server-options.ts';
import {
  type BackendSlots,
  type Cause,
  type DecidedPolicy,
  type Forgotten,
  type Overruled,
  type Slot,
  type SlotTable,
  slotsOfBackend,
} from '../model/slot-table.ts';
import { checkDocument, decodeDocument, VERSION } from './document.ts';
import { address, count, digest, generation, haproxyName, keyName, port, timeMs, weight } from './schemas.ts';

const slot = v.variant('state', [
  v.object({
    state: v.literal('free'),
    freedAtMs: timeMs,
    last: v.nullable(v.object({ address, port })),
    registeredSinceMs: v.exactOptional(timeMs),
  }),
  v.object({
    state: v.literal('serving'),
    address,
    port,
    weight,
    sinceMs: timeMs,
    withheld: v.nullable(
      v.object({
        sinceMs: timeMs,
        untilMs: v.nullable(timeMs),
        kind: v.exactOptional(v.picklist(['empty', 'unchecked', 'unusable', 'guard'])),
        reason: v.string(),
        released: v.exactOptional(v.literal(true)),
      }),
    ),
    sinceGeneration: v.exactOptional(generation),
    adopted: v.exactOptional(v.literal(true)),
    registeredSinceMs: v.exactOptional(timeMs),
    registration: v.exactOptional(v.object({ node: v.string(), id: v.string() })),
  }),
  v.object({
    ...{ state: v.literal('draining'), address, port, weight, sinceMs: timeMs, untilMs: timeMs },
    registeredSinceMs: v.exactOptional(timeMs),
  }),
]) satisfies v.GenericSchema<unknown, Slot>;

/** As hitless.yml allows them: what a table says goes into server lines and commands as well. */
const policy = v.object({
  service: v.string(),
  tags: v.array(v.string()),
  include: v.array(v.picklist(['passing', 'warning'])),
  weights: v.boolean(),
  server: haproxyName,
  slots: count,
  spare: count,
  options: v.pipe(
    v.string(),
    v.check((text) => whyNotOptions(text) === undefined, 'expected the rest of a server line'),
  ),
  placeholder: v.object({ address: v.union([v.picklist(['0.0.0.0', '::']), address]), port }),
  drainMs: timeMs,
  keep: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  holdMs: timeMs,
  allowEmpty: v.boolean(),
  writtenAtMs: timeMs,
}) satisfies v.GenericSchema<unknown, DecidedPolicy>;

const overruled = v.object({
  writtenAtMs: timeMs,
  keys: v.array(v.string()),
}) satisfies v.GenericSchema<unknown, Overruled>;

const forgotten = v.object({ backend: haproxyName, atMs: timeMs }) satisfies v.GenericSchema<
  unknown,
  Forgotten
>;

const backendSlots = v.object({
  service: v.string(),
  server: haproxyName,
  slots: v.array(slot),
  departures: v.array(v.object({ atMs: timeMs, servedSinceMs: timeMs })),
  refused: v.array(
    v.object({ address: v.string(), port: v.pipe(v.number(), v.finite()), reason: v.string() }),
  ),
  refusedMore: v.exactOptional(count),
  policy: v.exactOptional(policy),
  overruled: v.exactOptional(v.array(overruled)),
  parkingSinceMs: v.exactOptional(timeMs),
}) satisfies v.GenericSchema<unknown, BackendSlots>;

const cause = v.object({
  generation,
  indexes: v.array(v.object({ service: v.string(), index: v.string() })),
  receivedAtMs: v.nullable(timeMs),
  assignedAtMs: timeMs,
}) satisfies v.GenericSchema<unknown, Cause>;

const slotTable = v.object({
  version: v.literal(VERSION),
  fleet: keyName,
  generation,
  configuration: v.nullable(v.object({ sha256: digest, structure: digest })),
  rendering: v.exactOptional(v.object({ template: digest, writtenAtMs: timeMs })),
  trail: v.exactOptional(v.array(cause)),
  forgotten: v.exactOptional(v.array(forgotten)),
  backends: v.pipe(
    v.custom<Record<string, unknown>>(isObject, 'expected an object'),
    // Valibot leaves such keys out without a word.
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const odd = Object.keys(dataset.value).find(isImpossibleName);
      if (odd !== undefined) addIssue({ message: `${odd} cannot be a backend's name` });
    }),
    v.record(haproxyName, backendSlots),
  ),
}) satisfies v.GenericSchema<unknown, SlotTable>;

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Equal tables are equal text, whatever order their backends and fields are in.
 *
 * @throws DocumentInvalid, naming `(new table)`, when what would be written could not be read again: a damaged table
 *   must not replace a good one.
 */
export function encodeSlotTable(table: SlotTable): string {
  const { version, fleet, configuration, rendering, trail, forgotten, backends, ...rest } = checkDocument(
    '(new table)',
    table,
    slotTable,
  );
  const named = Object.keys(backends).sort();
  const head = { version, fleet, generation: rest.generation };
  const body = named.flatMap((name) => {
    const backend = slotsOfBackend({ backends }, name);
    return backend === undefined ? [] : [`    ${JSON.stringify(name)}: ${encodeBackend(backend)}`];
  });
  const lines = Object.entries(head).map(
    ([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},`,
  );
  lines.push(
    `  "configuration": ${JSON.stringify(configuration)},`,
    ...(rendering === undefined ? [] : [`  "rendering": ${JSON.stringify(rendering)},`]),
    ...listLines('trail', trail),
    ...listLines('forgotten', forgotten),
    `  "backends": ${block('{', body, '}', '  ')}`,
  );
  return `{\n${lines.join('\n')}\n}\n`;
}

/**
 * @param key where it was found, for the error.
 * @throws DocumentInvalid
 */
export function decodeSlotTable(key: string, body: string): SlotTable {
  return decodeDocument(key, body, slotTable);
}

/** A field of the table, one item on a line; nothing where the table has none. */
function listLines(key: string, items: readonly object[] | undefined): string[] {
  if (items === undefined) return [];
  const lines = items.map((item) => `    ${JSON.stringify(item)}`);
  return [`  ${JSON.stringify(key)}: ${block('[', lines, ']', '  ')},`];
}

/** The schema made the objects, so their fields are in its order. */
function encodeBackend(backend: BackendSlots): string {
  const { service, server, policy, overruled, parkingSinceMs, slots, departures, refused, refusedMore } =
    backend;
  const lists = Object.entries({ slots, departures, refused }).map(([key, items]) => {
    const lines = items.map((item) => `        ${JSON.stringify(item)}`);
    return `      ${JSON.stringify(key)}: ${block('[', lines, ']', '      ')}`;
  });
  const facts = Object.entries({ service, server, policy, overruled, parkingSinceMs, refusedMore });
  const head = facts.flatMap(([key, value]) =>
    value === undefined ? [] : [`      ${JSON.stringify(key)}: ${JSON.stringify(value)}`],
  );
  return block('{', [...head, ...lists], '}', '    ');
}

function block(open: string, lines: readonly string[], close: string, indent: string): string {
  return lines.length === 0 ? open + close : `${open}\n${lines.join(',\n')}\n${indent}${close}`;
}
