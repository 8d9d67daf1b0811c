import { expect, test } from 'vitest';
import { createClaims } from '../../../../infra/local/demo/claims.ts';
import { firstDifference } from '../../../../infra/local/demo/slots.ts';
import type { StepResult } from '../../../../infra/local/demo/step.ts';
import { summaryTable, verdict } from '../../../../infra/local/demo/summary.ts';
import type { ObservedServer } from '../../../../lib/model/observed.ts';

const result: StepResult = {
  name: '0 → 3',
  firstMs: 12.4,
  lastMs: null,
  everywhereMs: 34.5,
  commands: new Map([
    ['lb1', 12],
    ['lb2', 12],
  ]),
  reloads: 0,
  requests: 100,
  failed: 0,
  slotsDiffer: null,
  fileDiffers: null,
  generation: 2,
  errors: [],
};

function row(differs: Partial<StepResult>): string {
  return summaryTable([{ ...result, ...differs }]).split('\n')[3] ?? '';
}

test('a row has the times, the commands of all instances together, and what was equal', () => {
  expect(
    row({})
      .split('│')
      .map((cell) => cell.trim()),
  ).toEqual(['', '0 → 3', '12', '35', '–', '24', '0', '0 of 100', 'equal', 'equal', '']);
});

test('what is not equal stands out', () => {
  expect(row({ slotsDiffer: 'websrv1 …' })).toContain('DIFFER');
  expect(row({ fileDiffers: 'websrv1 …' })).toContain('DIFFERS');
});

test('a claim that was not observed is named with what was seen instead', () => {
  const claims = createClaims();
  claims.add('0 → 3', 'no request failed', null);
  expect(verdict(claims.all, 9)).toContain('All 1 claims were observed, in 9 s.');
  claims.add('10 → 4', 'no request failed', '2 failed');
  expect(claims.all.every(({ observed }) => observed)).toBe(false);
  expect(verdict(claims.all, 9)).toContain(
    '1 of 2 claims were not observed:\n  10 → 4: no request failed: 2 failed',
  );
});

const server: ObservedServer = {
  backend: 'be_template',
  server: 'websrv1',
  address: '127.0.0.1',
  port: 8080,
  admin: 'ready',
  adminMask: 4,
  operational: 'running',
  weight: 1,
  configuredWeight: 1,
  id: 1,
  forcedId: false,
  healthCheck: 'none',
  agentCheck: 'none',
  ssl: false,
};

test('slots that differ only in how HAProxy came to their state are equal', () => {
  const other: ObservedServer = { ...server, adminMask: 0, operational: 'starting', configuredWeight: 2 };
  expect(firstDifference([server], [other])).toBeNull();
});

const differences: { what: string; other: readonly ObservedServer[] }[] = [
  { what: 'the address', other: [{ ...server, address: '127.0.0.2' }] },
  { what: 'the port', other: [{ ...server, port: 8081 }] },
  { what: 'the state', other: [{ ...server, admin: 'maint' }] },
  { what: 'the weight', other: [{ ...server, weight: 0 }] },
  { what: 'the name', other: [{ ...server, server: 'websrv2' }] },
  { what: 'the number of slots', other: [] },
];
test.each(differences)('slots that differ in $what are not equal', ({ other }) => {
  expect(firstDifference([server], other)).toContain('websrv1');
});
