import { describe, expect, test } from 'vitest';
import type { ObservedServer } from '../../lib/model/observed.ts';
import type { Slot } from '../../lib/model/slot-table.ts';
import { endpoint, policy } from '../slots/records.ts';
import { commandsOf, draining, FREE, heldBefore, planOf, seen, serving, table, worded } from './records.ts';

const E1 = endpoint(1);
const E2 = endpoint(2);
const at1 = { address: E1.address, port: E1.port };
const at2 = { address: E2.address, port: E2.port };

interface Case {
  readonly what: string;
  readonly slot: Slot;
  readonly shows: Partial<ObservedServer>;
  readonly commands: readonly string[];
  readonly held?: string;
}

const cases: readonly Case[] = [
  {
    what: 'a parked slot gets its endpoint: marked, addressed, then ready, then its weight',
    slot: serving(E1, 5),
    shows: {},
    commands: ['websrv1 weight 0', 'websrv1 addr 10.0.0.1:8080', 'websrv1 ready', 'websrv1 weight 5'],
  },
  {
    what: 'a settled server needs nothing',
    slot: serving(E1),
    shows: { ...at1, admin: 'ready' },
    commands: [],
  },
  {
    what: 'a new weight is one command',
    slot: serving(E1, 7),
    shows: { ...at1, admin: 'ready' },
    commands: ['websrv1 weight 7'],
  },
  {
    what: 'an arrival that was interrupted after its address is finished',
    slot: serving(E1),
    shows: { ...at1, admin: 'maint', weight: 0 },
    commands: ['websrv1 ready', 'websrv1 weight 1'],
  },
  {
    what: 'an arrival that was interrupted before its weight is finished',
    slot: serving(E1),
    shows: { ...at1, admin: 'ready', weight: 0 },
    commands: ['websrv1 weight 1'],
  },
  {
    what: 'an endpoint that returns while we drained it is ready again',
    slot: serving(E1),
    shows: { ...at1, admin: 'drain', weight: 0 },
    commands: ['websrv1 ready', 'websrv1 weight 1'],
  },
  {
    what: 'a server that an operator drained stays so',
    slot: serving(E1),
    shows: { ...at1, admin: 'drain' },
    commands: [],
    held: 'drain',
  },
  {
    what: 'a server that an operator put in maintenance stays so',
    slot: serving(E1),
    shows: { ...at1, admin: 'maint' },
    commands: [],
    held: 'maint',
  },
  {
    what: 'a departure is marked, then drained',
    slot: draining(E1),
    shows: { ...at1, admin: 'ready' },
    commands: ['websrv1 weight 0', 'websrv1 drain', 'websrv1 weight 0'],
  },
  {
    what: 'a drain that is under way waits',
    slot: draining(E1),
    shows: { ...at1, admin: 'drain', weight: 0 },
    commands: [],
  },
  {
    what: 'a slot that the table calls free leaves rotation before its address changes',
    slot: FREE,
    shows: { ...at1, admin: 'ready' },
    commands: [
      'websrv1 weight 0',
      'websrv1 maint',
      'websrv1 weight 0',
      'websrv1 maint',
      'websrv1 addr 0.0.0.0:80',
      'websrv1 weight 0',
    ],
  },
  {
    what: 'a slot whose tenants change leaves rotation, and gets its address with the mark, whatever happened since',
    slot: serving(E1),
    shows: { ...E2, admin: 'drain' },
    commands: [
      'websrv1 weight 0',
      'websrv1 maint',
      'websrv1 weight 0',
      'websrv1 weight 0',
      'websrv1 addr 10.0.0.1:8080',
      'websrv1 ready',
      'websrv1 weight 1',
    ],
  },
  {
    what: 'a server that leaves while another pass makes it ready is marked anew, so that no operator is suspected',
    slot: draining(E1),
    shows: { ...at1, admin: 'ready', weight: 0 },
    commands: ['websrv1 weight 0', 'websrv1 drain', 'websrv1 weight 0'],
  },
  {
    what: 'a slot gets its address with the mark, also where it is marked already',
    slot: serving(E1),
    shows: { admin: 'maint', weight: 0 },
    commands: ['websrv1 weight 0', 'websrv1 addr 10.0.0.1:8080', 'websrv1 ready', 'websrv1 weight 1'],
  },
  {
    what: 'a free slot in maintenance somewhere is parked, out of rotation even if it was made ready since',
    slot: FREE,
    shows: { ...at1, admin: 'maint' },
    commands: ['websrv1 maint', 'websrv1 addr 0.0.0.0:80', 'websrv1 weight 0'],
  },
  {
    what: 'a slot that is parked needs nothing, whatever its weight is',
    slot: FREE,
    shows: { weight: 0 },
    commands: [],
  },
];

describe('one slot', () => {
  test.each(cases)('$what', ({ slot, shows, commands, held }) => {
    const plan = planOf(table(slot), [seen(1, shows)]);
    expect(commandsOf(plan.stages).map(worded)).toEqual(commands);
    expect(plan.operatorHeld.map((one) => one.state)).toEqual(held === undefined ? [] : [held]);
    expect(plan.problems).toEqual([]);
  });

  test('that drained and has no session left is removed, one with an unknown number is not', () => {
    const servers = [seen(1, { ...at1, admin: 'drain', weight: 0 })];
    const idle = planOf(table(draining(E1)), servers, { sessions: new Map([['websrv1', 0]]) });
    expect(commandsOf(idle.stages).map(worded)).toContain('websrv1 maint');
    expect(planOf(table(draining(E1)), servers).changes).toEqual([]);
  });

  test('that departs without a session is drained and removed in one go', () => {
    const plan = planOf(table(draining(E1)), [seen(1, { ...at1, admin: 'ready' })]);
    expect(commandsOf(plan.stages, 'idle').map(worded)).toEqual([
      'websrv1 weight 0',
      'websrv1 drain',
      'websrv1 weight 0',
      'websrv1 maint',
      'websrv1 addr 0.0.0.0:80',
      'websrv1 weight 0',
    ]);
  });

  test('whose maintenance comes from elsewhere is a problem, not a command', () => {
    const plan = planOf(table(serving(E1)), [seen(1, { ...at1, adminMask: 2 })]);
    expect(plan.changes).toEqual([]);
    expect(plan.problems[0]?.reason).toContain('the server it tracks');
  });

  test('at an address where a server-template put several is nobody’s maintenance', () => {
    const template = { ...at1, admin: 'maint' as const };
    const plan = planOf(table(serving(E1), FREE), [seen(1, template), seen(2, template)]);
    expect(plan.operatorHeld).toEqual([]);
    expect(commandsOf(plan.stages).map(worded)).toContain('websrv1 ready');
  });

  test('gets its weight with the state that is restored: at weight 0 it would look like our own half-done work', () => {
    const half = [seen(1, { ...at1, admin: 'ready', weight: 0 })];
    const place = { backend: 'be_template', slot: 'websrv1', ...at1 };
    const held = { ...place, state: 'drain' as const, servingSinceMs: 1 };
    const plan = planOf(table(serving(E1)), half, heldBefore(held));
    expect(commandsOf(plan.stages).map(worded)).toEqual(['websrv1 drain', 'websrv1 weight 1']);
  });

  test('held by an operator before HAProxy started anew is held again', () => {
    const held = {
      backend: 'be_template',
      slot: 'websrv1',
      ...at1,
      state: 'drain' as const,
      servingSinceMs: 1,
    };
    const plan = planOf(table(serving(E1)), [seen(1, { ...at1, admin: 'ready' })], heldBefore(held));
    expect(commandsOf(plan.stages).map(worded)).toEqual(['websrv1 drain']);
    expect(plan.operatorHeld).toEqual([{ ...held, seen: false }]);
  });

  test.each([
    'drain',
    'maint',
  ] as const)('held in %s, then started anew somewhere else, ends there as it was held', (state) => {
    const held = { backend: 'be_template', slot: 'websrv1', ...at1, state, servingSinceMs: 1 };
    for (const elsewhere of [{}, { ...at2, admin: 'ready' as const }]) {
      const plan = planOf(
        table(serving(E1)),
        [seen(1, elsewhere), seen(2, { ...at2, admin: 'ready' })],
        heldBefore(held),
      );
      expect(commandsOf(plan.stages).map(worded).slice(-2)).toEqual([`websrv1 ${state}`, 'websrv1 weight 1']);
      expect(plan.operatorHeld).toEqual([{ ...held, seen: false }]);
    }
  });

  test('that left and came back since it was held is not held any more', () => {
    const held = {
      backend: 'be_template',
      slot: 'websrv1',
      ...at1,
      state: 'drain' as const,
      servingSinceMs: 0,
    };
    const plan = planOf(table(serving(E1)), [seen(1, { ...at1, admin: 'ready' })], heldBefore(held));
    expect(plan).toMatchObject({ stages: [], operatorHeld: [] });
  });

  test('without a weight in the table keeps the one of HAProxy’s configuration', () => {
    const rules = policy({ weights: false });
    const servers = [
      seen(1, { weight: 10, configuredWeight: 10 }),
      seen(2, { weight: 0, configuredWeight: 0 }),
    ];
    const plan = planOf(table(serving(E1, null), serving(E2, null)), servers, {}, rules);
    expect(commandsOf(plan.stages).map(worded)).toContain('websrv1 weight 10');
    expect(commandsOf(plan.stages).map(worded)).toContain('websrv2 weight 10');
  });
});

describe('the order', () => {
  test('new servers are ready before old ones leave', () => {
    const plan = planOf(table(FREE, serving(E2)), [seen(1, { ...at1, admin: 'ready' }), seen(2)]);
    const sent = commandsOf(plan.stages).map(worded);
    expect(sent.indexOf('websrv2 weight 1')).toBeLessThan(sent.indexOf('websrv1 maint'));
  });

  test('no stage both sets an address and makes that server ready', () => {
    const swap = [seen(1, { ...at1, admin: 'ready' }), seen(2, { ...at2, admin: 'ready' })];
    const plan = planOf(table(serving(E2), serving(E1)), swap);
    for (const stage of plan.stages) {
      const kinds = stage.steps.flatMap((step) => step.commands.map((command) => command.kind));
      expect(
        kinds.includes('set-addr') && commandsOf([stage]).some((one) => worded(one).endsWith('ready')),
      ).toBe(false);
    }
  });

  test('slots that change hands do so in halves', () => {
    const swap = [seen(1, { ...at1, admin: 'ready' }), seen(2, { ...at2, admin: 'ready' })];
    const plan = planOf(table(serving(E2), serving(E1)), swap);
    expect(plan.stages.map((stage) => stage.phase)).toEqual([
      'break',
      'make',
      'make',
      'break',
      'make',
      'make',
    ]);
  });

  test('the only server in rotation changes its address while it serves', () => {
    const plan = planOf(table(serving(E2)), [seen(1, { ...at1, admin: 'ready' })]);
    expect(commandsOf(plan.stages).map(worded)).toEqual(['websrv1 addr 10.0.0.2:8080', 'websrv1 weight 1']);
  });

  test('the only server in rotation leaves it for its new address once another one has come', () => {
    const plan = planOf(table(serving(E2), serving({ address: '10.0.0.3', port: 8080 })), [
      seen(1, { ...at1, admin: 'ready' }),
      seen(2),
    ]);
    const first = commandsOf(plan.stages)
      .map(worded)
      .filter((command) => command.startsWith('websrv1'))[0];
    expect(first).toBe('websrv1 weight 0');
  });
});

test('a table in which nobody ever had a slot leaves the instance alone', () => {
  const never: Slot = { state: 'free', freedAtMs: 0, last: null };
  expect(planOf(table(never, never), [seen(1, { ...at1, admin: 'ready' }), seen(2)]).changes).toEqual([]);
});

test('a backend that the instance does not have is one problem', () => {
  const plan = planOf(table(serving(E1), serving(E2)), []);
  expect(plan.problems).toHaveLength(1);
  expect(plan.missingSlots).toEqual([]);
});
