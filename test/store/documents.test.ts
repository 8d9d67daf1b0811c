import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BackendSlots, type Slot, type SlotTable, slotsOfBackend } from '../../lib/model/slot-table.ts';
import { decodeCurrentConfiguration, encodeCurrentConfiguration } from '../../lib/store/current-document.ts';
import { DocumentInvalid } from '../../lib/store/document-invalid.ts';
import {
  decodeReport,
  decodeShardReports,
  encodeReport,
  encodeShardReports,
} from '../../lib/store/report-document.ts';
import { decodeSlotTable, encodeSlotTable } from '../../lib/store/slot-table-document.ts';
import { anyReport, anyShardReports, anySlotTable } from './any-document.ts';

const digest = 'a1'.repeat(32);

function table(...slots: Slot[]): SlotTable {
  return {
    version: 1,
    fleet: 'edge',
    generation: 7,
    configuration: { sha256: digest, structure: digest },
    backends: { web: { service: 'my-cluster', server: 'websrv', slots, departures: [], refused: [] } },
  };
}

const serving: Slot = {
  state: 'serving',
  address: '10.0.0.1',
  port: 80,
  weight: 1,
  sinceMs: 1_700_000_000_000,
  withheld: null,
};

describe('the slot table', () => {
  test('has one slot on a line', () => {
    const free: Slot = { state: 'free', freedAtMs: 0, last: null };
    expect(encodeSlotTable(table(serving, free))).toBe(`{
  "version": 1,
  "fleet": "edge",
  "generation": 7,
  "configuration": {"sha256":"${digest}","structure":"${digest}"},
  "backends": {
    "web": {
      "service": "my-cluster",
      "server": "websrv",
      "slots": [
        {"state":"serving","address":"10.0.0.1","port":80,"weight":1,"sinceMs":1700000000000,"withheld":null},
        {"state":"free","freedAtMs":0,"last":null}
      ],
      "departures": [],
      "refused": []
    }
  }
}
`);
  });

  test('comes back as it went, whatever is in it', () => {
    fc.assert(
      fc.property(anySlotTable, (any) => {
        expect(decodeSlotTable('k', encodeSlotTable(any))).toEqual(any);
      }),
    );
  });

  test('is the same text for the same table, whatever the order of its fields', () => {
    fc.assert(
      fc.property(anySlotTable, (any) => {
        expect(encodeSlotTable(reversed(any))).toBe(encodeSlotTable(any));
      }),
    );
  });

  test('with thousands of slots is read and written all the same', () => {
    const many = Array.from({ length: 10_000 }, (_, n) => ({ ...serving, port: n + 1 }));
    expect(decodeSlotTable('k', encodeSlotTable(table(...many)))).toEqual(table(...many));
  });

  const damaged: { what: string; given: object; at: RegExp }[] = [
    {
      what: 'an address that is none',
      given: table({ ...serving, address: '10.0.0.1; x' }),
      at: /slots\.0\.address/,
    },
    {
      what: 'an address not in canonical form',
      given: table({ ...serving, address: '::FFFF:1:1' }),
      at: /address/,
    },
    {
      what: 'a port that is none',
      given: table(serving, { ...serving, port: 70_000 }),
      at: /slots\.1\.port/,
    },
    { what: 'a weight that is none', given: table({ ...serving, weight: 257 }), at: /slots\.0\.weight/ },
    {
      what: 'a time that is none',
      given: table({ ...serving, sinceMs: Number.NaN }),
      at: /slots\.0\.sinceMs/,
    },
    { what: 'no generation', given: { ...table(), generation: 0 }, at: /^generation/ },
    { what: 'a fleet that is a path', given: { ...table(), fleet: '../x' }, at: /^fleet/ },
    {
      what: 'a backend no name',
      given: { ...table(), backends: { 'a b': table().backends.web } },
      at: /backends/,
    },
    {
      what: 'odd backend',
      given: { ...table(), backends: { constructor: table().backends.web } },
      at: /backends/,
    },
  ];

  test.each(damaged)('is neither written nor read with $what', ({ given, at }) => {
    expect(() => encodeSlotTable(given as SlotTable)).toThrow(DocumentInvalid);
    const read = invalid(() => decodeSlotTable('fleets/edge/slots.json', JSON.stringify(given)));
    expect(read.message).toMatch(/^fleets\/edge\/slots\.json at /);
    expect(read.path).toMatch(at);
  });

  test.each([
    '__proto__',
    'constructor',
    'prototype',
  ])('a backend may not be named %s, which would be lost without a word', (name) => {
    const body = JSON.stringify({ ...table(), backends: {} }).replace('{}', `{"${name}":{}}`);
    expect(invalid(() => decodeSlotTable('k', body)).reason).toContain(name);
  });
});

test.each(['toString', 'hasOwnProperty', 'valueOf'])('a backend may be called %s', (name) => {
  const named = { ...table(), backends: { [name]: { ...backendOf(table(serving)) } } };
  const read = decodeSlotTable('k', encodeSlotTable(named));
  expect(read).toEqual(named);
  expect(slotsOfBackend(read, name)).toEqual(backendOf(table(serving)));
  expect(slotsOfBackend(table(), name)).toBeUndefined();
});

function backendOf(of: SlotTable): BackendSlots {
  const backend = slotsOfBackend(of, 'web');
  if (backend === undefined) throw new Error('no backend web');
  return backend;
}

test('a table of a former release with a reserved address is read, for its server is to be taken out', () => {
  const reserved = table({ ...serving, address: '240.0.0.1' });
  expect(decodeSlotTable('k', encodeSlotTable(reserved))).toEqual(reserved);
});

describe('a document of another fleet is refused by name', () => {
  const other = { ...table(), fleet: 'web' };
  test.each([
    {
      key: 'fleets/edge/slots.json',
      read: () => decodeSlotTable('fleets/edge/slots.json', encodeSlotTable(other)),
    },
    {
      key: 'fleets/edge/shards/0.json',
      read: () =>
        decodeShardReports(
          'fleets/edge/shards/0.json',
          encodeShardReports({ version: 1, fleet: 'web', shard: 0, reports: [] }),
        ),
    },
  ])('$key', ({ key, read }) => {
    const { message } = invalid(read);
    expect(message).toContain(`${key} at fleet: is a document of fleet web, not of edge; `);
  });
});

describe('a damaged document says what to do', () => {
  test.each([
    {
      key: 'fleets/edge/slots.json',
      says: 'put back the newest fleets/edge/generations/N/slots.json; or delete it',
    },
    { key: 'fleets/edge/current.json', says: 'delete it, the next pass writes it anew from the slot table' },
    { key: 'fleets/edge/instances.json', says: 'delete it, the next pass makes it anew from Consul' },
    {
      key: 'fleets/edge/shards/3.json',
      says: 'delete it, the next pass makes it anew from fleets/edge/instances/NAME/report.json',
    },
    { key: 'fleets/edge/instances/lb1/report.json', says: 'delete it, the next pass writes it anew' },
  ])('$key', ({ key, says }) => {
    const { message } = invalid(() => decodeReport(key, 'half of \x1b[2J'));
    expect(message).toContain(`${key}: is not JSON: `);
    expect(message).toContain(`; ${says}`);
    expect(message).not.toMatch(/\p{C}/u);
  });

  test('but one of another release is not to be deleted', () => {
    const { message } = invalid(() => decodeSlotTable('fleets/edge/slots.json', '{"version":2}'));
    expect(message).toMatch(/was written by another release$/);
  });
});

describe('current.json', () => {
  const current = { version: 1, generation: 12, sha256: digest, structure: 'b2'.repeat(32) } as const;

  test('has one key on a line, for hosts that read it with sed', () => {
    expect(encodeCurrentConfiguration(current)).toBe(`{
  "version": 1,
  "generation": 12,
  "sha256": "${digest}",
  "structure": "${'b2'.repeat(32)}"
}
`);
    expect(decodeCurrentConfiguration('k', encodeCurrentConfiguration(current))).toEqual(current);
  });

  test('takes nothing but digests', () => {
    const body = JSON.stringify({ ...current, sha256: digest.toUpperCase() });
    expect(invalid(() => decodeCurrentConfiguration('k', body)).path).toBe('sha256');
  });
});

describe('a report', () => {
  test('comes back as it went, as the same text for the same report', () => {
    fc.assert(
      fc.property(anyReport, (any) => {
        const body = encodeReport(any);
        expect(decodeReport('k', body)).toEqual(any);
        expect(encodeReport(reversed(any))).toBe(body);
        expect(body.endsWith('}\n')).toBe(true);
      }),
    );
  });

  test('comes back from among those of its shard, each on its own line', () => {
    fc.assert(
      fc.property(anyShardReports, (any) => {
        const body = encodeShardReports(any);
        expect(decodeShardReports('k', body)).toEqual(any);
        expect(body.trimEnd().split('\n')).toHaveLength(2 + Math.max(1, any.reports.length));
      }),
    );
  });
});

describe.each([
  { what: 'slot table', decode: decodeSlotTable },
  { what: 'current.json', decode: decodeCurrentConfiguration },
  { what: 'report', decode: decodeReport },
])('what is no $what is named with its key', ({ decode }) => {
  test.each([
    { what: 'nothing', body: '', reason: /not JSON/ },
    { what: 'half of one', body: '{"version":1,', reason: /not JSON/ },
    { what: 'null', body: 'null', reason: /Expected Object/ },
    { what: 'a list', body: '[]', reason: /Expected/ },
    { what: 'another version', body: '{"version":2}', reason: /version 2, this Hitless reads version 1/ },
    { what: 'a version as text', body: '{"version":"1"}', reason: /Expected 1 but received "1"/ },
    { what: 'an empty object', body: '{}', reason: /version/ },
  ])('$what', ({ body, reason }) => {
    const error = invalid(() => decode('fleets/edge/x.json', body));
    expect(error.key).toBe('fleets/edge/x.json');
    expect(error.message).toMatch(/^fleets\/edge\/x\.json/);
    expect(error.reason).toMatch(reason);
  });
});

/** The same value with the fields of every object in the opposite order. */
function reversed<T>(value: T): T {
  if (Array.isArray(value)) return value.map(reversed) as T;
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).reverse();
  return Object.fromEntries(fields.map(([key, field]) => [key, reversed(field)])) as T;
}

function invalid(work: () => unknown): DocumentInvalid {
  try {
    work();
  } catch (error) {
    if (error instanceof DocumentInvalid) return error;
    throw error;
  }
  throw new Error('expected DocumentInvalid');
}
