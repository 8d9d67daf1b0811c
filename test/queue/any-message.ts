/** Arbitrary messages for property tests, with whatever text Consul may let through. */

import fc from 'fast-check';
import type { ServiceEntry } from '../../lib/model/service-entry.ts';
import type { ChangedMessage, QueueMessage } from '../../lib/queue/messages.ts';

const fleet = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,20}$/);
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom('\0', '\ufffe\uffff', '\ud800', '\\ufffe', '"}]', '\u2028', ''),
);
// JSON knows no -0.
const number = fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true })).map((n) => n + 0);

const entry: fc.Arbitrary<ServiceEntry> = fc.record({
  address: text,
  port: number,
  tags: fc.array(text, { maxLength: 3 }),
  status: fc.constantFrom('passing', 'warning', 'critical', 'maintenance', 'unchecked'),
  weights: fc.record({ passing: number, warning: number }),
});

export const anyChanged: fc.Arbitrary<ChangedMessage> = fc.record({
  version: fc.constant(1),
  kind: fc.constant('changed'),
  fleet,
  service: text.filter((name) => name !== ''),
  index: fc.option(fc.constantFrom('5', '29', '14626308409737068583')),
  receivedAtMs: fc.nat(),
  entries: fc.option(fc.array(entry, { maxLength: 5 })),
});

export const anyMessage: fc.Arbitrary<QueueMessage> = fc.oneof(
  anyChanged,
  fc.record({ version: fc.constant(1), kind: fc.constant('reconcile'), fleet, requestedAtMs: fc.nat() }),
  fc.record({
    version: fc.constant(1),
    kind: fc.constant('apply'),
    fleet,
    shard: fc.nat(),
    generation: fc.integer({ min: 1 }),
  }),
  fc.record({
    version: fc.constant(1),
    kind: fc.constant('apply'),
    fleet,
    shard: fc.nat(),
    generation: fc.integer({ min: 1 }),
    hurry: fc.constant(true),
  }),
);
