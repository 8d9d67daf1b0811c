/** Arbitrary documents for property tests. */

import fc from 'fast-check';
import { parseIpAddress } from '../../lib/model/ip-address.ts';
import { isHaproxyName, isImpossibleName } from '../../lib/model/names.ts';
import type { InstanceReport } from '../../lib/model/report.ts';
import type { BackendSlots, DecidedPolicy, Slot, SlotTable } from '../../lib/model/slot-table.ts';
import type { ShardReports } from '../../lib/store/report-document.ts';

const time = fc.nat({ max: 4_000_000_000_000 });
const text = fc.string({ unit: 'binary', maxLength: 20 });
const digest = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 });
const keyName = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,10}$/);
const haproxyName = fc
  .stringMatching(/^[A-Za-z0-9_.:-]{1,12}$/)
  .filter((name) => isHaproxyName(name) && !isImpossibleName(name));
const canonicalAddress = fc
  .oneof(fc.ipV4(), fc.ipV6())
  .map((address) => parseIpAddress(address))
  .filter((address) => typeof address === 'string');
const endpoint = { address: canonicalAddress, port: fc.integer({ min: 1, max: 65_535 }) };
const weight = fc.option(fc.integer({ min: 0, max: 256 }));

const slot: fc.Arbitrary<Slot> = fc.oneof(
  fc.record({ state: fc.constant('free'), freedAtMs: time, last: fc.option(fc.record(endpoint)) }),
  fc.record({
    state: fc.constant('serving'),
    ...endpoint,
    weight,
    sinceMs: time,
    withheld: fc.option(fc.record({ sinceMs: time, untilMs: fc.option(time), reason: text })),
  }),
  fc.record({ state: fc.constant('draining'), ...endpoint, weight, sinceMs: time, untilMs: time }),
);

const policy: fc.Arbitrary<DecidedPolicy> = fc.record({
  ...{ service: text, tags: fc.array(text, { maxLength: 2 }), include: fc.constant(['passing'] as const) },
  ...{ weights: fc.boolean(), server: haproxyName, slots: fc.nat(), spare: fc.nat() },
  options: fc.constantFrom('', 'check', 'cookie {{ server }} check'),
  placeholder: fc.record({
    ...endpoint,
    address: fc.oneof(canonicalAddress, fc.constantFrom('0.0.0.0', '::')),
  }),
  ...{
    drainMs: time,
    keep: fc.double({ min: 0, max: 1, noNaN: true }).map((share) => share + 0),
    holdMs: time,
  },
  ...{ allowEmpty: fc.boolean(), writtenAtMs: time },
});

const backendSlots: fc.Arbitrary<BackendSlots> = fc.record(
  {
    policy,
    overruled: fc.array(fc.record({ writtenAtMs: time, keys: fc.array(text, { maxLength: 2 }) }), {
      maxLength: 2,
    }),
    parkingSinceMs: time,
    service: text,
    server: haproxyName,
    slots: fc.array(slot, { maxLength: 8 }),
    departures: fc.array(fc.record({ atMs: time, servedSinceMs: time }), { maxLength: 3 }),
    refused: fc.array(fc.record({ address: text, port: fc.integer(), reason: text }), { maxLength: 3 }),
  },
  { requiredKeys: ['service', 'server', 'slots', 'departures', 'refused'] },
);

export const anySlotTable: fc.Arbitrary<SlotTable> = fc.record(
  {
    rendering: fc.record({ template: digest, writtenAtMs: time }),
    forgotten: fc.array(fc.record({ backend: haproxyName, atMs: time }), { maxLength: 2 }),
    version: fc.constant(1),
    fleet: keyName,
    generation: fc.integer({ min: 1 }),
    configuration: fc.option(fc.record({ sha256: digest, structure: digest })),
    trail: fc.array(
      fc.record({
        generation: fc.integer({ min: 1 }),
        indexes: fc.array(fc.record({ service: text, index: text }), { maxLength: 2 }),
        receivedAtMs: fc.option(time),
        assignedAtMs: time,
      }),
      { maxLength: 2 },
    ),
    backends: fc.dictionary(haproxyName, backendSlots, { maxKeys: 4, noNullPrototype: true }),
  },
  { requiredKeys: ['version', 'fleet', 'generation', 'configuration', 'backends'] },
);

export const anyReport: fc.Arbitrary<InstanceReport> = fc.record({
  version: fc.constant(1),
  fleet: keyName,
  instance: keyName,
  generation: fc.nat(),
  converged: fc.boolean(),
  reason: fc.option(text),
  pid: fc.option(fc.nat()),
  haproxy: fc.option(text),
  observedAtMs: time,
  readAtMs: fc.option(time),
  applied: fc.option(fc.record({ generation: fc.nat(), atMs: time })),
  propagation: fc.option(fc.record({ generation: fc.nat(), ms: fc.nat() })),
  commands: fc.nat(),
  operatorHeld: fc.array(
    fc.record({
      backend: haproxyName,
      slot: haproxyName,
      state: fc.constantFrom('drain', 'maint'),
      address: fc.oneof(canonicalAddress, fc.constantFrom('-', '0.0.0.0')),
      port: fc.nat({ max: 65_535 }),
      servingSinceMs: time,
      pid: fc.nat(),
    }),
    { maxLength: 3 },
  ),
  missingSlots: fc.array(text, { maxLength: 3 }),
  snapshot: fc.option(fc.record({ digest, atMs: time })),
});

export const anyShardReports: fc.Arbitrary<ShardReports> = fc.record({
  version: fc.constant(1),
  fleet: keyName,
  shard: fc.nat(),
  reports: fc.array(anyReport, { maxLength: 3 }),
});
