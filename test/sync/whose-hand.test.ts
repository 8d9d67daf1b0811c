/** What one pass has seen and done tells an operator's hand from another pass's. */

import { expect, test } from 'vitest';
import type { PlannedHold, Step } from '../../lib/model/plan.ts';
import type { Slot, SlotTable } from '../../lib/model/slot-table.ts';
import { WhoseHand } from '../../lib/sync/whose-hand.ts';
import { seen, table } from '../plan/records.ts';

const AT = { address: '10.0.0.1', port: 8080 };
const PLACE = { backend: 'be', slot: 'websrv1' };
const HELD: PlannedHold = { ...PLACE, ...AT, servingSinceMs: 5, state: 'maint', seen: true };
const REMEMBERED = { ...HELD, here: true };

function tableOf(slot: Slot): SlotTable {
  return { version: 1, fleet: 'edge', generation: 1, configuration: null, backends: { be: table(slot) } };
}

const SERVING = tableOf({ state: 'serving', ...AT, weight: 1, sinceMs: 5, withheld: null });
const LEAVING = tableOf({
  state: 'draining',
  ...AT,
  weight: 1,
  sinceMs: 5,
  untilMs: 9,
  registeredSinceMs: 5,
});

test('a hold on a slot on its way out is only told once two looks have shown it', () => {
  const hand = new WhoseHand();
  expect(hand.reportable([HELD], null, LEAVING)).toEqual([]);
  expect([hand.isToConfirm, hand.found]).toEqual([true, []]);
  expect(hand.reportable([HELD], null, LEAVING)).toEqual([HELD]);
  expect([hand.isToConfirm, hand.found]).toEqual([false, [REMEMBERED]]);
});

test('one that the second look does not show was another pass in the middle of its write', () => {
  const hand = new WhoseHand();
  hand.reportable([HELD], null, LEAVING);
  expect(hand.reportable([], null, LEAVING)).toEqual([]);
  expect([hand.isToConfirm, hand.found]).toEqual([false, []]);
});

test('on a serving slot it is told at once, should the session be lost, and looked at again', () => {
  const hand = new WhoseHand();
  expect(hand.reportable([HELD], null, SERVING)).toEqual([HELD]);
  expect([hand.isToConfirm, hand.found]).toEqual([true, []]);
});

test('a hold that the pass saw ended does not come back from the last report', () => {
  const hand = new WhoseHand();
  const ready = seen(1, { backend: 'be', ...AT, admin: 'ready' });
  hand.planned([ready], LEAVING, [REMEMBERED], []);
  expect(hand.isEnded(REMEMBERED)).toBe(true);
  expect(hand.isEnded({ ...REMEMBERED, servingSinceMs: 6 })).toBe(false);
  hand.planned([ready], LEAVING, [REMEMBERED], [HELD]);
  expect(hand.isEnded(REMEMBERED)).toBe(false);
});

test('a weight counts as the own one until the server is ready or at a mark', () => {
  const hand = new WhoseHand();
  const step = (weight: number): Step => ({
    ...PLACE,
    commands: [{ kind: 'set-weight', backend: 'be', server: 'websrv1', weight }],
    expect: {},
  });
  hand.sent([step(0)]);
  expect(hand.isOwnWeight('be', 'websrv1')).toBe(false);
  hand.sent([step(1)]);
  hand.looked([seen(1, { backend: 'be', admin: 'maint', weight: 1 })]);
  expect(hand.isOwnWeight('be', 'websrv1')).toBe(true);
  hand.looked([seen(1, { backend: 'be', admin: 'maint', weight: 0 })]);
  expect(hand.isOwnWeight('be', 'websrv1')).toBe(false);
});
