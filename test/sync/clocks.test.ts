/** A machine whose clock is an hour off does nothing sooner or later than the others would. */

import { expect, test } from 'vitest';
import type { Fleet } from '../../lib/model/fleet.ts';
import { type Slot, slotsOfBackend } from '../../lib/model/slot-table.ts';
import { slotTableKey } from '../../lib/store/keys.ts';
import { decodeSlotTable } from '../../lib/store/slot-table-document.ts';
import { StoreClock } from '../../lib/store/store-clock.ts';
import { type PassOptions, passFleet } from '../../lib/sync/pass.ts';
import type { SyncEvent, SyncPorts } from '../../lib/sync/ports.ts';
import { createMemoryStore } from '../bench/memory-store.ts';
import { policy } from '../slots/records.ts';
import { entries } from './bench-fleet.ts';

const HOUR_MS = 3_600_000;
const NOON_MS = Date.UTC(2026, 2, 1, 12);

const FLEET: Fleet = {
  ...{ name: 'edge', instances: [], instancesFrom: null, tls: {}, shard: 50, timeoutMs: 1_000 },
  ...{ snapshotEveryMs: 0, reportEveryMs: 0, template: null },
  backends: [policy({ backend: 'be', slots: 10, drainMs: 30_000, keep: 0.5, holdMs: 60_000 })],
};

/** One store with the right time, and machines that share it. */
function bench() {
  const memory = createMemoryStore();
  const time = { ms: NOON_MS };
  const consul = { entries: entries(1, 6) };
  const events: SyncEvent[] = [];
  const machine = (aheadMs: number) => {
    const clock = new StoreClock(() => time.ms + aheadMs);
    const get: typeof memory.get = (key) =>
      clock.hear(
        () => memory.get(key),
        () => new Date(time.ms).toUTCString(),
      );
    const ports: SyncPorts = {
      store: { ...memory, clock, get },
      now: clock.now,
      log: (event) => void events.push(event),
      readService: async () => ({ entries: consul.entries }),
      openSession: () => Promise.reject(new Error('there is nobody')),
    };
    return (fleet = FLEET, receivedAtMs: PassOptions['receivedAtMs'] = null) =>
      passFleet(ports, fleet, { entries: new Map(), receivedAtMs, snapshots: 'when-due' });
  };
  const slots = async () => {
    const body = (await memory.get(slotTableKey('edge')))?.body ?? '';
    return slotsOfBackend(decodeSlotTable('slots.json', body), 'be');
  };
  const states = async () => ((await slots())?.slots ?? []).flatMap((slot) => wordOf(slot) ?? []);
  return { time, consul, events, machine, states, slots };
}

function wordOf(slot: Slot): string | undefined {
  if (slot.state !== 'serving') return slot.state === 'free' ? undefined : slot.state;
  return slot.withheld === null ? 'serving' : 'withheld';
}

const all = (word: string, count: number) => Array<string>(count).fill(word);

test.each([
  { what: 'fast', aheadMs: HOUR_MS },
  { what: 'slow', aheadMs: -HOUR_MS },
])('$what', async ({ aheadMs }) => {
  const { time, consul, machine, states } = bench();
  const [right, wrong] = [machine(0), machine(aheadMs)];
  await right();
  time.ms += 120_000;
  consul.entries = entries(1, 1);
  await right();
  const withheld = ['serving', ...all('draining', 3), ...all('withheld', 2)];
  expect((await states()).sort()).toEqual([...withheld].sort());

  time.ms += 10_000;
  await wrong();
  expect((await states()).sort()).toEqual([...withheld].sort());

  time.ms += 25_000;
  await wrong();
  expect((await states()).sort()).toEqual(['serving', ...all('withheld', 2)]);

  time.ms += 30_000;
  await wrong();
  expect((await states()).sort()).toEqual([...all('draining', 2), 'serving']);

  time.ms += 32_000;
  await right();
  expect(await states()).toEqual(['serving']);
});

test('how long a change took is measured on one clock', async () => {
  const { time, machine } = bench();
  let asked = 0;
  const { table } = await machine(-HOUR_MS)(FLEET, () => {
    asked += 1;
    return time.ms - 200;
  });
  expect(asked).toBe(1);
  const [cause] = table.trail ?? [];
  expect(cause?.receivedAtMs).toBe(NOON_MS - 200);
  expect((cause?.assignedAtMs ?? 0) - NOON_MS).toBeLessThanOrEqual(1_000);
});

test('is told so, once', async () => {
  const { events, machine } = bench();
  const wrong = machine(HOUR_MS);
  for (const pass of [machine(0), machine(4_000), wrong, wrong]) await pass();
  const told = events.filter(({ event }) => event === 'clock_off');
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({ level: 'warn', fleet: 'edge' });
  expect(Math.abs(Number(told[0]?.aheadMs) - HOUR_MS)).toBeLessThanOrEqual(1_000);
});

test('a hitless.yml that is written in the future counts no longer than until a later one comes', async () => {
  const { time, machine, slots } = bench();
  const pass = machine(HOUR_MS);
  const file = (writtenAtMs: number, holdMs: number): Fleet => ({
    ...FLEET,
    writtenAtMs,
    backends: FLEET.backends.map((backend) => ({ ...backend, holdMs })),
  });
  await pass(file(NOON_MS + HOUR_MS, 1_000));
  expect((await slots())?.policy?.writtenAtMs).toBeLessThanOrEqual(NOON_MS + 1_000);
  time.ms += 10_000;
  await machine(0)(file(time.ms - 1_000, 2_000));
  expect((await slots())?.policy?.holdMs).toBe(2_000);
});
