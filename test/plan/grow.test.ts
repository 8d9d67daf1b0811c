import { describe, expect, test } from 'vitest';
import { capabilitiesOf } from '../../lib/model/capabilities.ts';
import type { BackendPolicy } from '../../lib/model/fleet.ts';
import type { ObservedServer } from '../../lib/model/observed.ts';
import { endpoint, policy } from '../slots/records.ts';
import {
  after,
  commandsOf,
  draining,
  FREE,
  planOf,
  REMEMBERED,
  seen,
  serving,
  table,
  worded,
} from './records.ts';

const E1 = endpoint(1);
const E2 = endpoint(2);
const ready1 = seen(1, { address: E1.address, port: E1.port, admin: 'ready' });

/** Slot 1 serves and is there, slot 2 is to serve and is missing. */
function growing(
  version = '3.0.11',
  differs: Partial<BackendPolicy> = {},
  first: Partial<ObservedServer> = {},
) {
  const slots = table(serving(E1), serving(E2, 5));
  return planOf(slots, [{ ...ready1, ...first }], { able: capabilitiesOf(version) }, policy(differs));
}

/** A server as Hitless adds it, free and parked. */
function added(number: number, differs: Partial<ObservedServer> = {}): ObservedServer {
  return seen(number, { forcedId: true, healthCheck: 'disabled', ...differs });
}

describe('a slot that the instance does not have', () => {
  test('is added as a parked one, and then planned like any other', () => {
    const plan = growing();
    expect(commandsOf(plan.stages).map(worded)).toEqual([
      'add websrv2 0.0.0.0:80 weight 1 id 2',
      'websrv2 weight 0',
      'websrv2 addr 10.0.0.2:8080',
      'enable-health websrv2',
      'websrv2 ready',
      'websrv2 weight 5',
    ]);
    expect(plan.stages.map((stage) => stage.steps.length)).toEqual([1, 1, 1]);
    expect(plan.changes).toMatchObject([{ kind: 'grow', slot: 'websrv2', weight: 5 }]);
    expect(plan.missingSlots).toEqual([]);
  });

  test('gets the options of its own line', () => {
    const [add] = commandsOf(growing('3.0.11', { options: "cookie {{ server }} check  inter '1s'" }).stages);
    expect(add).toMatchObject({ kind: 'add-server', options: 'cookie websrv2 check inter 1s' });
  });

  test('has its idle connections kept on 2.6 as well, unless its options say otherwise', () => {
    const [add] = commandsOf(growing('2.6.12', { options: 'check pool-max-conn 3' }).stages);
    expect(add).toMatchObject({ options: 'pool-max-conn -1 pool-purge-delay 5s check pool-max-conn 3' });
  });

  test('gets the weight of its neighbours where Consul gives none', () => {
    const plan = growing('3.0.11', { weights: false }, { weight: 9, configuredWeight: 9 });
    expect(commandsOf(plan.stages)[0]).toMatchObject({ weight: 9 });
  });

  test('is left out when nobody is to serve there', () => {
    const plan = planOf(table(serving(E1), FREE, draining(E2)), [ready1]);
    expect(plan).toMatchObject({ changes: [], missingSlots: [], problems: [] });
  });

  test.each([
    { what: 'behind its neighbours', servers: [seen(1, { id: 7 })], id: 8 },
    { what: 'in a gap', servers: [seen(1), seen(3)], id: 2 },
    { what: 'behind all where its place is taken', servers: [seen(1), other({ id: 2 })], id: 6 },
    { what: 'behind all where no slot is there', servers: [other({ id: 40 })], id: 44 },
  ])('gets the id of its place in the rendered file: $what', ({ servers, id }) => {
    const commands = commandsOf(planOf(table(FREE, serving(E2), FREE), servers).stages);
    expect(commands[0]).toMatchObject({ kind: 'add-server', server: 'websrv2', id });
  });
});

/** A server that is no slot. */
function other(differs: Partial<ObservedServer>): ObservedServer {
  return { ...seen(99), server: 'other', ...differs };
}

const obstacles: readonly {
  readonly what: string;
  readonly version?: string;
  readonly policy?: Partial<BackendPolicy>;
  readonly first?: Partial<ObservedServer>;
  readonly why: string;
}[] = [
  { what: 'before 2.6', version: '2.2.9', why: 'HAProxy 2.2.9 cannot be given servers at run time (2.6 and' },
  { what: 'of a version nobody knows', version: 'master', why: 'HAProxy master cannot be given servers' },
  {
    what: 'with a cookie before 3.0',
    version: '2.6.12',
    policy: { options: 'cookie {{ server }} check' },
    why: 'HAProxy 2.6.12 gives no cookie to a server that is added at run time (3.0 and newer do)',
  },
  {
    what: 'with options that the Runtime API reads otherwise',
    policy: { options: 'check sni "str(a b)"' },
    why: '`options` have "str(a b)", which the Runtime API would not read as the configuration does',
  },
  {
    what: 'whose neighbours speak TLS by default-server',
    first: { ssl: true },
    why: 'would lack `ssl`, which the others have from `default-server`: write it into `options`',
  },
  {
    what: 'whose neighbours are checked by default-server',
    policy: { options: '' },
    why: 'would lack `check`',
  },
  {
    what: 'whose neighbours are asked by an agent',
    first: { agentCheck: 'enabled' },
    why: 'would lack `agent-check`',
  },
];

describe('a HAProxy', () => {
  test.each(obstacles)('$what says why it lacks the slot', ({ version, why, ...differs }) => {
    const plan = growing(version, differs.policy, differs.first);
    expect(plan.missingSlots).toEqual(['be_template/websrv2']);
    expect(plan.changes).toEqual([]);
    const { reason } = plan.problems[0] ?? { reason: '' };
    expect(reason).toMatch(
      /^its configuration lacks be_template\/websrv2, and .*; reload it with the rendered/,
    );
    expect(reason).toContain(why);
  });

  test('that lacks many names three', () => {
    const slots = Array.from({ length: 5 }, (_, index) => serving(endpoint(index + 2)));
    const plan = planOf(table(serving(E1), ...slots), [ready1], { able: capabilitiesOf('2.2.9') });
    expect(plan.problems[0]?.reason).toContain(
      'lacks be_template/websrv2, be_template/websrv3, be_template/websrv4 and 2 more, and',
    );
  });
});

describe('a server that was added', () => {
  test('and whose checks an interrupted pass left off has them on before it is ready', () => {
    const half = added(2, { address: E2.address, port: E2.port, weight: 0 });
    const plan = planOf(table(serving(E1), serving(E2)), [ready1, half]);
    expect(commandsOf(plan.stages).map(worded)).toEqual([
      'enable-health websrv2',
      'websrv2 ready',
      'websrv2 weight 1',
    ]);
    expect(plan.stages[0]?.steps[0]?.expect).toMatchObject({ admin: 'ready', healthCheck: 'enabled' });
  });

  test('is deleted when its slot is free and nobody is connected', () => {
    const slots = table(serving(E1), FREE);
    const plan = planOf(
      slots,
      [ready1, added(2)],
      { sessions: new Map([['websrv2', 0]]) },
      policy({ slots: 1 }),
    );
    expect(plan.changes).toMatchObject([{ kind: 'delete', slot: 'websrv2' }]);
    expect(plan.stages[0]?.steps[0]).toMatchObject({ whenIdle: true, expect: { absent: true } });
    expect(commandsOf(plan.stages, 'idle').reduce(after, [ready1, added(2)])).toEqual([ready1]);
  });

  test('is parked first when it still serves', () => {
    const live = added(2, { address: E2.address, port: E2.port, admin: 'ready' });
    const plan = planOf(table(serving(E1), FREE), [ready1, live], {}, policy({ slots: 1 }));
    expect(commandsOf(plan.stages, 'idle').map(worded)).toEqual([
      'websrv2 weight 0',
      'websrv2 maint',
      'websrv2 weight 0',
      'websrv2 maint',
      'websrv2 addr 0.0.0.0:80',
      'websrv2 weight 0',
      'del-server websrv2',
    ]);
  });

  test.each([
    { what: 'somebody is connected', sessions: 1, differs: {}, slots: 1 },
    { what: 'it is one of the declared slots', sessions: 0, differs: {}, slots: 2 },
    { what: 'its id is its place', sessions: 0, differs: { forcedId: false }, slots: 1 },
  ])('is kept when $what', ({ sessions, differs, slots }) => {
    const servers = [ready1, added(2, differs)];
    const known = { sessions: new Map([['websrv2', sessions]]) };
    const plan = planOf(table(serving(E1), FREE), servers, known, policy({ slots }));
    expect(plan.changes).toEqual([]);
  });

  test('is kept, and that is said, where deleting it may end HAProxy or was refused', () => {
    const sessions = new Map([['websrv2', 0]]);
    const slots = table(serving(E1), FREE);
    const noteOf = (differs: Parameters<typeof planOf>[2]) => {
      const plan = planOf(slots, [ready1, added(2)], { sessions, ...differs }, policy({ slots: 1 }));
      expect(plan).toMatchObject({ changes: [], problems: [] });
      return plan.notes;
    };
    expect(noteOf({ able: capabilitiesOf('2.6.12-1+deb12u4') })).toEqual([
      '1 surplus server of be_template stays until the next reload: HAProxy 2.6.12-1+deb12u4 may crash on `del server`',
    ]);
    const memory = { ...REMEMBERED, undeletable: new Set(['be_template/websrv2']) };
    expect(noteOf({ memory })[0]).toContain('HAProxy 3.2.26 refused to delete it');
  });
});
