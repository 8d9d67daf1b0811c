/** Whose hand it was: an operator's, or our own unfinished work. */

import { expect, test } from 'vitest';
import type { ObservedServer } from '../../lib/model/observed.ts';
import type { Slot } from '../../lib/model/slot-table.ts';
import { type Hold, holdOf, type Remembered } from '../../lib/plan/hold-of.ts';
import { seen } from './records.ts';

const AT = { address: '10.0.0.1', port: 8080 };
const SERVING: Slot = { state: 'serving', ...AT, weight: 1, sinceMs: 5, withheld: null };
const DRAINING: Slot = { state: 'draining', ...AT, weight: 1, sinceMs: 5, untilMs: 9, registeredSinceMs: 5 };
const FREE: Slot = { state: 'free', freedAtMs: 9, last: AT, registeredSinceMs: 5 };
const GONE: Slot = { state: 'free', freedAtMs: 9, last: AT };

const NEVER: Remembered = { held: null, verified: false, ownWeight: false };
const VERIFIED: Remembered = { ...NEVER, verified: true };
const OWN_WEIGHT: Remembered = { ...VERIFIED, ownWeight: true };
const HERE: Remembered = { ...VERIFIED, held: { state: 'drain', here: true } };
const BEFORE: Remembered = { ...VERIFIED, held: { state: 'drain', here: false } };

const cases: readonly {
  readonly what: string;
  readonly slot: Slot;
  readonly shows: Partial<ObservedServer>;
  readonly remembered: Remembered;
  readonly hold: Hold | null;
}[] = [
  {
    what: 'a verified server in maint with a real weight is held',
    ...{ slot: SERVING, shows: { ...AT, admin: 'maint' }, remembered: VERIFIED },
    hold: { state: 'maint', seen: true },
  },
  {
    what: 'one that was taken out just after this pass gave it its weight is held, for nobody else takes it out',
    ...{ slot: SERVING, shows: { ...AT, admin: 'maint' }, remembered: OWN_WEIGHT },
    hold: { state: 'maint', seen: true },
  },
  {
    what: 'but not on its way out: there another pass does',
    ...{ slot: DRAINING, shows: { ...AT, admin: 'drain' }, remembered: OWN_WEIGHT },
    hold: null,
  },
  {
    what: 'but a hold that reports name goes on',
    ...{ slot: SERVING, shows: { ...AT, admin: 'drain' }, remembered: { ...HERE, ownWeight: true } },
    hold: { state: 'drain', seen: true },
  },
  {
    what: 'one that no pass has seen in rotation is our own unfinished work',
    ...{ slot: SERVING, shows: { ...AT, admin: 'maint' }, remembered: NEVER },
    hold: null,
  },
  {
    what: 'one at weight 0 is our own unfinished work, verified or not',
    ...{ slot: SERVING, shows: { ...AT, admin: 'drain', weight: 0 }, remembered: VERIFIED },
    hold: null,
  },
  {
    what: '`ready` on the same process ends a hold',
    ...{ slot: SERVING, shows: { ...AT, admin: 'ready' }, remembered: HERE },
    hold: null,
  },
  {
    what: 'ready on a new process does not: it has forgotten the hold',
    ...{ slot: SERVING, shows: { ...AT, admin: 'ready' }, remembered: BEFORE },
    hold: { state: 'drain', seen: false },
  },
  {
    what: 'a hold lasts while its endpoint is critical and the slot is parked',
    ...{ slot: FREE, shows: { admin: 'maint', weight: 0 }, remembered: HERE },
    hold: { state: 'drain', seen: false },
  },
  {
    what: '`ready` ends it there, too',
    ...{ slot: FREE, shows: { admin: 'ready', weight: 0 }, remembered: HERE },
    hold: null,
  },
  {
    what: 'what an operator does to a server on its way out is a hold, whatever was verified',
    ...{ slot: DRAINING, shows: { ...AT, admin: 'maint' }, remembered: NEVER },
    hold: { state: 'maint', seen: true },
  },
  {
    what: 'a hold ends when its endpoint is deregistered',
    ...{ slot: GONE, shows: { ...AT, admin: 'drain' }, remembered: HERE },
    hold: null,
  },
];

test.each(cases)('$what', ({ slot, shows, remembered, hold }) => {
  const rules = { isTemplateAddress: ({ address }: { address: string }) => address === '0.0.0.0' };
  expect(holdOf(slot, seen(1, shows), rules, remembered)).toEqual(hold);
});
