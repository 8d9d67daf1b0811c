/** The laws of the plan: any table over anything that an instance can show. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { capabilitiesOf } from '../../lib/model/capabilities.ts';
import type { ObservedServer } from '../../lib/model/observed.ts';
import { type BackendSlots, slotName } from '../../lib/model/slot-table.ts';
import { endpoint, policy } from '../slots/records.ts';
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
      there: fc.constantFrom(true, true, true, false),
      forcedId: fc.boolean(),
      healthCheck: fc.constantFrom('enabled', 'disabled'),
    }),
    { minLength: 1, maxLength: 7 },
  )
  .filter((shown) => shown.some(({ there }) => there))
  .map((shown) =>
    shown.flatMap(({ at, there, healthCheck, ...differs }, index) => {
      // Only a server that was added, and that nobody made ready yet, has checks that do not run.
      const checks = differs.forcedId && differs.admin === 'maint' ? { healthCheck } : {};
      return there ? [seen(index + 1, { ...at, ...differs, ...checks })] : [];
    }),
  );

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

const able = capabilitiesOf('3.2.26');
const unable = capabilitiesOf('2.2.9');

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
      expect(byServer(finished)).toEqual(byServer(wanted));
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
        const server = state.find((one) => one.server === step.slot);
        if (step.expect.absent) expect(server).toBeUndefined();
        else expect(server).toMatchObject(step.expect);
      }
    }
  });
});

test('every change names a slot of the table, and only growth one that the instance does not have', () => {
  hold((slots, servers) => {
    const names = new Set(slots.slots.map((_, index) => slotName(slots, index + 1)));
    for (const change of planOf(slots, servers).changes) {
      expect(names.has(change.slot)).toBe(true);
      expect(servers.some((server) => server.server === change.slot)).toBe(change.kind !== 'grow');
    }
  });
});

test('growth loses no endpoint: each one that is to serve has its server afterwards', () => {
  hold((slots, servers, connected) => {
    const settled = carriedOut(connected, slots, servers);
    for (const [index, slot] of slots.slots.entries()) {
      if (slot.state !== 'serving') continue;
      const { address, port } = slot;
      const server = slotName(slots, index + 1);
      expect(settled.find((one) => one.server === server)).toMatchObject({ address, port });
    }
  });
});

test('an HAProxy that cannot grow misses exactly the slots it lacks, and is sent nothing for them', () => {
  hold((slots, servers) => {
    const plan = planOf(slots, servers, { able: unable });
    const lacking = slots.slots.flatMap((slot, index) => {
      const server = slotName(slots, index + 1);
      const there = servers.some((one) => one.server === server);
      return slot.state === 'serving' && !there ? [`be_template/${server}`] : [];
    });
    expect(plan.missingSlots).toEqual(lacking);
    expect(planOf(slots, servers, { able }).missingSlots).toEqual([]);
    expect(plan.problems.filter(({ slot }) => slot === null)).toHaveLength(lacking.length === 0 ? 0 : 1);
    const touched = new Set(commandsOf(plan.stages, 'idle').map((command) => command.server));
    for (const name of touched) expect(servers.some((one) => one.server === name)).toBe(true);
  });
});

test('no server that was added is made ready before its checks run, and no two have one id', () => {
  hold((slots, servers, connected) => {
    let state = [...servers];
    for (const command of commandsOf(planWhile(connected, slots, servers).stages, connected)) {
      const { healthCheck, forcedId } = state.find((one) => one.server === command.server) ?? {};
      if (command.kind === 'set-state' && command.state === 'ready' && forcedId) {
        expect(healthCheck).toBe('enabled');
      }
      state = after(state, command);
    }
    expect(new Set(state.map(({ id }) => id)).size).toBe(state.length);
  });
});

test('only servers that were added are deleted, in maintenance, and never one of the declared number', () => {
  hold((slots, servers) => {
    let state = [...servers];
    for (const command of commandsOf(planWhile('idle', slots, servers).stages, 'idle')) {
      if (command.kind === 'del-server') {
        const deleted = state.find((one) => one.server === command.server);
        expect(deleted).toMatchObject({ admin: 'maint', forcedId: true });
        expect(Number(/\d+$/.exec(command.server)?.[0])).toBeGreaterThan(policy().slots);
      }
      state = after(state, command);
    }
  });
});

/** Also whether the checks of a server that serves run; elsewhere, and the weight of a parked one, it is nobody's concern. */
function essence({ server, address, port, admin, weight, healthCheck }: ObservedServer) {
  const parked = admin === 'maint' && address === PLACEHOLDER.address;
  return {
    ...{ server, address, port, admin, weight: parked || weight },
    checked: admin === 'maint' || healthCheck,
  };
}

function byServer(servers: readonly ObservedServer[]) {
  return servers.map(essence).sort((one, other) => one.server.localeCompare(other.server));
}
