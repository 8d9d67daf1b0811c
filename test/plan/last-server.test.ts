/** No backend loses its last server, whatever happens between two looks. */

import { expect, test } from 'vitest';
import { commandsOf, FREE, planOf, seen, serving, table, worded } from './records.ts';

const E1 = { address: '10.0.0.1', port: 8080 };
const E2 = { address: '10.0.0.2', port: 8080 };
const E3 = { address: '10.0.0.3', port: 8080 };
const READY = [seen(1, { ...E1, admin: 'ready' }), seen(2, { ...E2, admin: 'ready' })];

test('a server that leaves stays when an operator has taken the other one out', () => {
  const now = [seen(1, { ...E1, admin: 'drain' }), seen(2, { ...E2, admin: 'ready' })];
  const plan = planOf(table(serving(E1), FREE), now);
  expect(commandsOf(plan.stages)).toEqual([]);
  expect(plan.problems).toMatchObject([{ slot: 'websrv2', reason: expect.stringContaining('held back') }]);
});

test('what is out of rotation already is parked all the same', () => {
  const now = [...READY.slice(1), seen(1, { ...E1, admin: 'drain' }), seen(3, { ...E3 })];
  const plan = planOf(table(serving(E1), FREE, FREE), now);
  expect(commandsOf(plan.stages).map(worded)).toContain('websrv3 addr 0.0.0.0:80');
  expect(plan.problems.map(({ slot }) => slot)).toEqual(['websrv2']);
});

test('the last server leaves when the table has nobody take requests', () => {
  const plan = planOf(table(serving(E1, 0), FREE), READY);
  expect(commandsOf(plan.stages).map(worded)).toContain('websrv2 maint');
});

test('a server leaves after another one has come', () => {
  const plan = planOf(table(FREE, serving(E2)), [seen(1, { ...E1, admin: 'ready' }), seen(2)]);
  expect(plan.problems).toEqual([]);
  expect(commandsOf(plan.stages.slice(-2)).map(worded)).toContain('websrv1 maint');
});
