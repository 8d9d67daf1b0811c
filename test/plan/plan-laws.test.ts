/** The laws of the plan: any table over anything that an instance can show. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ObservedServer } from '../../lib/model/observed.ts';
import { type BackendSlots, slotName } from '../../lib/model/slot-table.ts';
import { endpoint } from '../slots/records.ts';
import { after, commandsOf, draining, FREE, PLACEHOLDER, planOf, seen, serving, table } from './records.ts';

const addresses = fc.oneof(
  fc.constant(PLACEHOLDER),
  fc.integer({ min: 1, max: 9 }).map((number) => {
    const { address, port } = endpoint(number);
    return { address, port };
  }),
);

const someServers = fc
  .array(
    fc.record({
      at: addresses,
      admin: fc.constantFrom('ready', 'drain', 'maint'),
      weight: fc.constantFrom(0, 1, 5),
    }),
    { minLength: 1, maxLength: 7 },
  )
  .map((shown) => shown.map(({ at, admin, weight }, index) => seen(index + 1, { ...at, admin, weight })));

const someTable = fc
  .record({
    who: fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 7 }),
    what: fc.array(fc.constantFrom('serving', 'draining', 'free'), { minLength: 7, maxLength: 7 }),
    weight: fc.constantFrom(1, 3),
  })
  .map(({ who, what, weight }) =>
    table(
      ...who.map((number, index) => {
        if (what[index] === 'free') return FREE;
        return what[index] === 'draining' ? draining(endpoint(number)) : serving(endpoint(number), weight);
      }),
    ),
  );

/** How many are connected to each server: nobody, or nobody knows, which counts as somebody. */
type Connected = 'busy' | 'idle';

function planWhile(connected: Connected, slots: BackendSlots, servers: readonly ObservedServer[]) {
  const sessions = new Map(servers.map((server) => [server.server, 0]));
  return planOf(slots, servers, connected === 'idle' ? { sessions } : {});
}

function carriedOut(
  connected: Connected,
  slots: BackendSlots,
  servers: readonly ObservedServer[],
): ObservedServer[] {
  return commandsOf(planWhile(connected, slots, servers).stages, connected).reduce(after, [...servers]);
}

function inRotation(servers: readonly ObservedServer[]): ObservedServer[] {
  return servers.filter((server) => server.admin === 'ready' && server.weight > 0);
}

function hold(law: (slots: BackendSlots, servers: ObservedServer[], connected: Connected) => void): void {
  fc.assert(fc.property(someTable, someServers, fc.constantFrom('busy', 'idle'), law), { numRuns: 4000 });
}

test('planning after applying gives no changes', () => {
  hold((slots, servers, connected) => {
    expect(planWhile(connected, slots, carriedOut(connected, slots, servers)).changes).toEqual([]);
  });
});

test('a kill after any command is finished by the next plan', () => {
  hold((slots, servers, connected) => {
    const commands = commandsOf(planWhile(connected, slots, servers).stages, connected);
    const wanted = carriedOut(connected, slots, servers);
    for (const done of commands.keys()) {
      const interrupted = commands.slice(0, done).reduce(after, [...servers]);
      const finished = carriedOut(connected, slots, interrupted);
      expect(finished.map(essence)).toEqual(wanted.map(essence));
    }
  });
});

test('nothing that an operator holds is touched', () => {
  hold((slots, servers) => {
    const plan = planOf(slots, servers);
    const touched = new Set(commandsOf(plan.stages).map((command) => command.server));
    for (const held of plan.operatorHeld) expect(touched.has(held.slot)).toBe(false);
  });
});

test('a backend with servers in rotation is never without one on the way to a table in which somebody serves', () => {
  hold((slots, servers, connected) => {
    const settled = inRotation(carriedOut(connected, slots, servers));
    let state = [...servers];
    if (inRotation(state).length === 0 || settled.length === 0) return;
    for (const command of commandsOf(planWhile(connected, slots, servers).stages, connected)) {
      state = after(state, command);
      expect(inRotation(state).length).toBeGreaterThan(0);
    }
  });
});

test('every expectation of a stage is what its commands bring about', () => {
  hold((slots, servers) => {
    let state = [...servers];
    for (const stage of planOf(slots, servers).stages) {
      state = commandsOf([stage], 'idle').reduce(after, state);
      for (const step of stage.steps) {
        expect(state.find((server) => server.server === step.slot)).toMatchObject(step.expect);
      }
    }
  });
});

test('every change names a slot of the table that the instance has', () => {
  hold((slots, servers) => {
    const names = new Set(slots.slots.map((_, index) => slotName(slots, index + 1)));
    for (const change of planOf(slots, servers).changes) {
      expect(names.has(change.slot)).toBe(true);
      expect(servers.some((server) => server.server === change.slot)).toBe(true);
    }
  });
});

function essence({ server, address, port, admin, weight }: ObservedServer) {
  return { server, address, port, admin, weight };
}
