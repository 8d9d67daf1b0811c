/**
 * The proof that the simulation sees something: for each rule, one way to break it on purpose, which some of the first
 * hundred seeds find, and it is that rule that objects. Not by chance: simulation.test.ts has these seeds, too, and with
 * nothing broken none of them breaks a rule.
 */

import { afterEach, describe, expect, test, vi } from 'vitest';
import type { RuntimeCommand } from '../../lib/model/command.ts';
import type { Stage, Step } from '../../lib/model/plan.ts';
import { slotTableKey } from '../../lib/store/keys.ts';
import type { SyncPorts } from '../../lib/sync/ports.ts';
import type { Rule } from './rules.ts';
import type { Mutation } from './run-seed.ts';

const SEEDS = 100;

/**
 * Who objects first with the broken code in place: the watchers of rule `number` alone, and all together, for in a run
 * with everybody another rule may be the first to notice.
 */
async function firstToObject(number: number, mutation: Mutation = {}, begin = 1) {
  const { rules } = await import('./rules/all.ts');
  const own = rules.filter((rule) => rule.number === number);
  return {
    alone: await objections(own, mutation, begin),
    together: await objections(rules, mutation, begin),
  };
}

/** Those of the first seed that has any, from `begin` on: where that is known, it spares the time for those before it. */
async function objections(
  rules: readonly Rule[],
  mutation: Mutation,
  begin: number,
): Promise<readonly string[]> {
  const { runSeed } = await import('./run-seed.ts');
  for (let seed = begin; seed <= SEEDS; seed += 1) {
    const { violations } = await runSeed(seed, mutation, rules);
    if (violations.length > 0) return violations.map(({ invariant }) => invariant);
  }
  return [];
}

/** Loads everything anew, with one module replaced. */
function replace<Module extends object>(path: string, change: (original: Module) => Partial<Module>): void {
  vi.resetModules();
  vi.doMock(path, async (importOriginal) => {
    const original = await importOriginal<Module>();
    return { ...original, ...change(original) };
  });
  mocked.push(path);
}

/** Loads everything anew, with other stages in every plan. */
function replacePlans(change: (stages: readonly Stage[]) => readonly Stage[]): void {
  type Planning = typeof import('../../lib/plan/plan-instance.ts');
  replace<Planning>('../../lib/plan/plan-instance.ts', ({ planInstance }) => ({
    planInstance: (...asked) => {
      const plan = planInstance(...asked);
      return { ...plan, stages: change(plan.stages) };
    },
  }));
}

const mocked: string[] = [];

afterEach(() => {
  for (const path of mocked.splice(0)) vi.doUnmock(path);
  vi.resetModules();
});

describe('a deliberately broken rule is caught within a hundred seeds', { timeout: 180_000 }, () => {
  test('1: an empty answer takes everybody away', async () => {
    const objects = await firstToObject(1, {
      fleet: (fleet) => ({
        ...fleet,
        backends: fleet.backends.map((policy) => ({ ...policy, allowEmpty: true })),
      }),
    });
    expect(objects.alone).toContain('never-empty');
    expect(objects.together).not.toEqual([]);
  });

  test('2: an assignment without a guard', async () => {
    const objects = await firstToObject(2, {
      fleet: (fleet) => ({ ...fleet, backends: fleet.backends.map((policy) => ({ ...policy, keep: 0 })) }),
    });
    expect(objects.alone).toContain('no-mass-removal');
    expect(objects.together).not.toEqual([]);
  });

  test('3: a plan that does not know the mark of our own work', async () => {
    type Judge = typeof import('../../lib/plan/hold-of.ts');
    replace<Judge>('../../lib/plan/hold-of.ts', ({ holdOf }) => ({
      holdOf: (slot, seen, ...rest) => holdOf(slot, { ...seen, weight: 0 }, ...rest),
    }));
    const objects = await firstToObject(3);
    expect(objects.alone).toContain('operators-hand');
    expect(objects.together).not.toEqual([]);
  });

  test('4: servers leave before new ones have come', async () => {
    replacePlans((stages) => {
      const { make = [], break: leave = [] } = Object.groupBy(stages, ({ phase }) => phase);
      return [...leave, ...make];
    });
    const objects = await firstToObject(4);
    expect(objects.alone).toContain('make-before-break');
    expect(objects.together).not.toEqual([]);
  });

  test('5: an address and `ready` are sent together', async () => {
    replacePlans((stages) => {
      const steps = stages.filter(({ phase }) => phase === 'make').flatMap((stage) => stage.steps);
      const bySlot = [...Map.groupBy(steps, ({ backend, slot }) => `${backend}/${slot}`).values()];
      const joined = bySlot.flatMap((own): Step[] => {
        const last = own.at(-1);
        return last === undefined ? [] : [{ ...last, commands: own.flatMap(({ commands }) => commands) }];
      });
      return [{ phase: 'make', steps: joined }, ...stages.filter(({ phase }) => phase === 'break')];
    });
    const objects = await firstToObject(5);
    expect(objects.alone).toContain('read-back');
    expect(objects.together).not.toEqual([]);
  });

  test('6: whatever looks like an address is let through', async () => {
    type Addresses = typeof import('../../lib/model/ip-address.ts');
    replace<Addresses>('../../lib/model/ip-address.ts', () => ({ parseIpAddress: (text) => text }));
    const objects = await firstToObject(6);
    expect(objects.alone).toContain('nothing-unchecked');
    expect(objects.together).not.toEqual([]);
  });

  test('7: the table is written without a condition', async () => {
    const unconditional = (ports: SyncPorts): SyncPorts => ({
      ...ports,
      store: {
        ...ports.store,
        async putIf(key, body) {
          await ports.store.put(key, body);
          return { etag: '' };
        },
      },
    });
    const objects = await firstToObject(7, { ports: unconditional });
    expect(objects.alone).toContain('repeatable');
    expect(objects.together).not.toEqual([]);
  });

  test('8: one instance after the other', async () => {
    vi.resetModules();
    vi.doMock('p-limit', async (importOriginal) => {
      const { default: pLimit } = await importOriginal<typeof import('p-limit')>();
      return { default: () => pLimit(1) };
    });
    mocked.push('p-limit');
    const objects = await firstToObject(8);
    expect(objects.alone).toContain('bad-instances');
    expect(objects.together).not.toEqual([]);
  });

  test('9: a configuration file in another order', async () => {
    type Lines = typeof import('../../lib/render/server-lines.ts');
    replace<Lines>('../../lib/render/server-lines.ts', ({ serverLines }) => ({
      serverLines: (policy, { server, slots }) => serverLines(policy, { server, slots: slots.toReversed() }),
    }));
    const objects = await firstToObject(9);
    expect(objects.alone).toContain('file-is-running');
    expect(objects.together).not.toEqual([]);
  });

  test('10: a reconcile that only looks at Consul', async () => {
    type Assigning = typeof import('../../lib/sync/assign-fleet.ts');
    type Pass = typeof import('../../lib/sync/pass.ts');
    replace<Pass>('../../lib/sync/pass.ts', ({ passFleet }) => ({
      passFleet: async (ports, fleet, options) => {
        const { proposeTable }: Assigning = await import('../../lib/sync/assign-fleet.ts');
        const stored = await ports.store.get(slotTableKey(fleet.name));
        const proposal = await proposeTable(ports, fleet, stored, options.entries);
        if (proposal.changed) return passFleet(ports, fleet, options);
        const { table, changed, consulFailures } = proposal;
        const nobody = { refusedInstances: [], applied: [], shards: [] };
        const { configurationWithheld } = proposal;
        return { table, changed, consulFailures, ...nobody, configurationWithheld, publishFailure: null };
      },
    }));
    const objects = await firstToObject(10);
    expect(objects.alone).toContain('heals');
    expect(objects.together).not.toEqual([]);
  });

  test('1, on an instance: the last server goes although nobody came', async () => {
    type Last = typeof import('../../lib/plan/last-server.ts');
    replace<Last>('../../lib/plan/last-server.ts', () => ({
      keepLastServer: (stages) => ({ stages, problems: [] }),
    }));
    const objects = await firstToObject(1);
    expect(objects.alone).toContain('never-empty');
    expect(objects.together).not.toEqual([]);
  });

  test('3: what leaves is not marked as our own work', async () => {
    const unmarked = (step: Step): Step => {
      const { weight: _, ...expect } = step.expect;
      const isMark = (command: RuntimeCommand) => command.kind === 'set-weight' && command.weight === 0;
      return { ...step, commands: step.commands.filter((command) => !isMark(command)), expect };
    };
    replacePlans((stages) =>
      stages.map((stage) =>
        stage.phase === 'make' ? stage : { ...stage, steps: stage.steps.map(unmarked) },
      ),
    );
    const objects = await firstToObject(3, {}, 30);
    expect(objects.alone).toContain('operators-hand');
    expect(objects.together).not.toEqual([]);
  });

  test('3: what was held once is held again, whoever put it back', async () => {
    type Reports = typeof import('../../lib/sync/shard-reports.ts');
    replace<Reports>('../../lib/sync/shard-reports.ts', ({ recallShard }) => ({
      recallShard: async (...asked) => {
        const memory = await recallShard(...asked);
        const of: typeof memory.of = (instance) => {
          const { known, report } = memory.of(instance);
          const operatorHeld = report?.operatorHeld.map((held) => ({ ...held, pid: 1 })) ?? [];
          return { known, report: report === null ? null : { ...report, operatorHeld } };
        };
        return { ...memory, of };
      },
    }));
    const objects = await firstToObject(3);
    expect(objects.alone).toContain('operators-hand');
    expect(objects.together).not.toEqual([]);
  });

  test('3: what was held is forgotten when the same pass takes the server out', async () => {
    type Looking = typeof import('../../lib/sync/look.ts');
    replace<Looking>('../../lib/sync/look.ts', ({ planFrom }) => ({
      planFrom: (fleet, table, look, last, meanwhile) =>
        planFrom(fleet, table, look, last, meanwhile && { ...meanwhile, found: [] }),
    }));
    const objects = await firstToObject(3);
    expect(objects.alone).toContain('operators-hand');
    expect(objects.together).not.toEqual([]);
  });

  test('3: a process is only known by its pid, which every process of a container has', async () => {
    type Processes = typeof import('../../lib/model/process.ts');
    replace<Processes>('../../lib/model/process.ts', () => ({
      isSameProcess: (remembered, shown) => remembered.pid === shown.pid,
    }));
    const objects = await firstToObject(3, {}, 14);
    expect(objects.alone).toContain('operators-hand');
    expect(objects.together).not.toEqual([]);
  });

  test('5: a slot changes hands while its former tenant is still talked to', async () => {
    const hasty = ({ changesHands: _, ...step }: Step): Step => step;
    replacePlans((stages) => stages.map((stage) => ({ ...stage, steps: stage.steps.map(hasty) })));
    const objects = await firstToObject(5, {}, 42);
    expect(objects.alone).toContain('right-tenant');
    expect(objects.together).not.toEqual([]);
  });
});
