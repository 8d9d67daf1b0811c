/**
 * The proof that the simulation sees something: for each rule, one way to break it on purpose, which some of the first
 * hundred seeds find, and it is that rule that objects.
 */

import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Step } from '../../lib/model/plan.ts';
import type { SyncPorts } from '../../lib/sync/ports.ts';
import type { Mutation, Outcome } from './run-seed.ts';

const SEEDS = 100;

/** The first seed that breaks rule `number`, with the broken code in place. */
async function firstBroken(number: number, mutation: Mutation = {}): Promise<Outcome | undefined> {
  const { runSeed } = await import('./run-seed.ts');
  const { rules } = await import('./rules/all.ts');
  const watching = rules.filter((rule) => rule.number === number);
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const outcome = await runSeed(seed, mutation, watching);
    if (outcome.violations.length > 0) return outcome;
  }
  return undefined;
}

function brokenRules(outcome: Outcome | undefined): readonly string[] {
  return [...new Set(outcome?.violations.map((violation) => violation.invariant))];
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

const mocked: string[] = [];

afterEach(() => {
  for (const path of mocked.splice(0)) vi.doUnmock(path);
  vi.resetModules();
});

describe('a deliberately broken rule is caught within a hundred seeds', { timeout: 180_000 }, () => {
  test('1: an empty answer takes everybody away', async () => {
    const outcome = await firstBroken(1, {
      fleet: (fleet) => ({
        ...fleet,
        backends: fleet.backends.map((policy) => ({ ...policy, allowEmpty: true, keep: 0 })),
      }),
    });
    expect(brokenRules(outcome)).toContain('never-empty');
  });

  test('2: an assignment without a guard', async () => {
    const outcome = await firstBroken(2, {
      fleet: (fleet) => ({ ...fleet, backends: fleet.backends.map((policy) => ({ ...policy, keep: 0 })) }),
    });
    expect(brokenRules(outcome)).toContain('no-mass-removal');
  });

  test('3: a plan that does not know the mark of our own work', async () => {
    type Judge = typeof import('../../lib/plan/judge-slot.ts');
    replace<Judge>('../../lib/plan/judge-slot.ts', ({ judgeSlot }) => ({
      judgeSlot: (slot, seen, rules, memory) => judgeSlot(slot, { ...seen, weight: 0 }, rules, memory),
    }));
    expect(brokenRules(await firstBroken(3))).toContain('operators-hand');
  });

  test('4: servers leave before new ones have come', async () => {
    type Planning = typeof import('../../lib/plan/plan-instance.ts');
    replace<Planning>('../../lib/plan/plan-instance.ts', ({ planInstance }) => ({
      planInstance: (...asked) => {
        const plan = planInstance(...asked);
        const { make = [], break: leave = [] } = Object.groupBy(plan.stages, ({ phase }) => phase);
        return { ...plan, stages: [...leave, ...make] };
      },
    }));
    expect(brokenRules(await firstBroken(4))).toContain('make-before-break');
  });

  test('5: an address and `ready` are sent together', async () => {
    type Planning = typeof import('../../lib/plan/plan-instance.ts');
    replace<Planning>('../../lib/plan/plan-instance.ts', ({ planInstance }) => ({
      planInstance: (...asked) => {
        const plan = planInstance(...asked);
        const steps = plan.stages.filter(({ phase }) => phase === 'make').flatMap((stage) => stage.steps);
        const bySlot = [...Map.groupBy(steps, ({ backend, slot }) => `${backend}/${slot}`).values()];
        const joined = bySlot.flatMap((own): Step[] => {
          const last = own.at(-1);
          return last === undefined ? [] : [{ ...last, commands: own.flatMap(({ commands }) => commands) }];
        });
        const rest = plan.stages.filter(({ phase }) => phase === 'break');
        return { ...plan, stages: [{ phase: 'make', steps: joined }, ...rest] };
      },
    }));
    expect(brokenRules(await firstBroken(5))).toContain('read-back');
  });

  test('6: whatever looks like an address is let through', async () => {
    type Addresses = typeof import('../../lib/model/ip-address.ts');
    replace<Addresses>('../../lib/model/ip-address.ts', () => ({ parseIpAddress: (text) => text }));
    expect(brokenRules(await firstBroken(6))).toContain('nothing-unchecked');
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
    expect(brokenRules(await firstBroken(7, { ports: unconditional }))).toContain('repeatable');
  });

  test('8: one instance after the other', async () => {
    vi.resetModules();
    vi.doMock('p-limit', async (importOriginal) => {
      const { default: pLimit } = await importOriginal<typeof import('p-limit')>();
      return { default: () => pLimit(1) };
    });
    mocked.push('p-limit');
    expect(brokenRules(await firstBroken(8))).toContain('bad-instances');
  });

  test('9: a configuration file in another order', async () => {
    type Lines = typeof import('../../lib/render/server-lines.ts');
    replace<Lines>('../../lib/render/server-lines.ts', ({ serverLines }) => ({
      serverLines: (policy, { server, slots }) => serverLines(policy, { server, slots: slots.toReversed() }),
    }));
    expect(brokenRules(await firstBroken(9))).toContain('file-is-running');
  });

  test('10: a reconcile that only looks at Consul', async () => {
    type Assigning = typeof import('../../lib/sync/assign-fleet.ts');
    type Pass = typeof import('../../lib/sync/pass.ts');
    replace<Pass>('../../lib/sync/pass.ts', ({ passFleet }) => ({
      passFleet: async (ports, fleet, options) => {
        const { proposeTable }: Assigning = await import('../../lib/sync/assign-fleet.ts');
        const proposal = await proposeTable(ports, fleet, options.entries);
        if (proposal.changed) return passFleet(ports, fleet, options);
        const { table, changed, consulFailures } = proposal;
        const nobody = { refusedInstances: [], applied: [], shards: [] };
        return { table, changed, consulFailures, ...nobody, publishFailure: null };
      },
    }));
    expect(brokenRules(await firstBroken(10))).toContain('heals');
  });
});
