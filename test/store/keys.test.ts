import { describe, expect, test } from 'vitest';
import {
  configurationKey,
  currentConfigurationKey,
  generationConfigurationKey,
  generationSlotTableKey,
  knownInstancesKey,
  reportKey,
  shardReportsKey,
  slotTableKey,
  stateSnapshotKey,
} from '../../lib/store/keys.ts';

test('keys are where operators and hosts look for them', () => {
  expect([
    slotTableKey('edge'),
    configurationKey('edge'),
    currentConfigurationKey('edge'),
    generationSlotTableKey('edge', 12),
    generationConfigurationKey('edge', 12),
    stateSnapshotKey('edge', 'lb1'),
    reportKey('edge', 'lb1'),
    shardReportsKey('edge', 0),
    knownInstancesKey('edge'),
  ]).toEqual([
    'fleets/edge/slots.json',
    'fleets/edge/haproxy.cfg',
    'fleets/edge/current.json',
    'fleets/edge/generations/12/slots.json',
    'fleets/edge/generations/12/haproxy.cfg',
    'fleets/edge/instances/lb1/servers.state',
    'fleets/edge/instances/lb1/report.json',
    'fleets/edge/shards/0.json',
    'fleets/edge/instances.json',
  ]);
});

describe('a name that could lead elsewhere makes no key', () => {
  test.each(['', '.', '..', 'a/b', 'a\0', 'a b', '../x', 'é'])('%j', (name) => {
    expect(() => slotTableKey(name)).toThrow(RangeError);
    expect(() => reportKey('edge', name)).toThrow(RangeError);
  });
});

test.each([0, -1, 1.5, Number.NaN, 2 ** 53])('%j is no generation', (generation) => {
  expect(() => generationSlotTableKey('edge', generation)).toThrow(RangeError);
});
