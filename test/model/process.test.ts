import { expect, test } from 'vitest';
import { isSameProcess, processOf } from '../../lib/model/process.ts';

const NOW_MS = 1_800_000_100_000;
const told = (pid: number, startedAtSeconds: number) =>
  processOf({ version: '2.6.12', pid, uptimeSeconds: 100, startedAtSeconds }, NOW_MS);

test('in a container every process is pid 1, and its start tells it from the one before', () => {
  expect(isSameProcess({ pid: 1, startedAtSeconds: 50 }, told(1, 50))).toBe(true);
  expect(isSameProcess({ pid: 1, startedAtSeconds: 50 }, told(1, 51))).toBe(false);
  expect(isSameProcess({ pid: 2, startedAtSeconds: 50 }, told(1, 50))).toBe(false);
});

test('HAProxy 2.2 does not tell its start, which is reckoned from its age and may be off by a little', () => {
  const shown = processOf({ version: '2.2.9', pid: 1, uptimeSeconds: 100, startedAtSeconds: null }, NOW_MS);
  expect(shown.startedAtSeconds).toBe(1_800_000_000);
  expect(isSameProcess({ pid: 1, startedAtSeconds: 1_800_000_002 }, shown)).toBe(true);
  expect(isSameProcess({ pid: 1, startedAtSeconds: 1_800_000_009 }, shown)).toBe(false);
});

test('what an earlier release remembered by its pid alone counts by its pid', () => {
  expect(isSameProcess({ pid: 1 }, told(1, 50))).toBe(true);
});
