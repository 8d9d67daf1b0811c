import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { createNarrator } from '../../../../infra/local/start/event-line.ts';
import type { SystemEvent } from '../../../../infra/local/system/events.ts';

const from = { source: 'worker', level: 'info', atMs: Date.parse('2026-01-02T03:04:05.678Z') } as const;

function applied(instance: string, commands: number): SystemEvent {
  return { ...from, event: 'instance_applied', fleet: 'edge', instance, generation: 2, commands, ms: 12 };
}

const passDone: SystemEvent = {
  ...from,
  event: 'pass_done',
  fleet: 'edge',
  generation: 2,
  messages: 1,
  converged: 2,
  lagging: [],
  ms: 34,
};

function told(...events: readonly SystemEvent[]): string[] {
  return events
    .map(createNarrator())
    .flatMap((line) => line ?? [])
    .map(stripVTControlCharacters);
}

test('a pass that changed something is a line for each instance and one for all', () => {
  expect(told(applied('lb1', 4), applied('lb2', 4), passDone)).toEqual([
    '03:04:05.678  worker     lb1: 4 commands, read back, 12 ms',
    '03:04:05.678  worker     lb2: 4 commands, read back, 12 ms',
    '03:04:05.678  worker     pass done: generation 2, 2 of 2 HAProxies converged, 8 commands, 34 ms',
  ]);
});

test('a pass without anything to do is one line, also after one that had', () => {
  const second = [applied('lb1', 0), applied('lb2', 0), passDone];
  expect(told(applied('lb1', 4), passDone, ...second).slice(2)).toEqual([
    '03:04:05.678  worker     pass done: generation 2, 2 of 2 HAProxies converged, nothing to do, 34 ms',
  ]);
});

test('an event is one line whatever is in it', () => {
  const events: SystemEvent[] = [
    { ...from, event: 'other', text: 'first\nsecond' },
    {
      ...from,
      event: 'endpoint_refused',
      fleet: 'edge',
      backend: 'b',
      address: '1.2.3.4\u001b[2J',
      port: 0,
      reason: 'no',
    },
  ];
  for (const line of told(...events)) expect(line).toMatch(/^[^\p{Cc}]*$/u);
});
