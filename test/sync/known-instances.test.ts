import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FoundInstance, KnownInstances } from '../../lib/model/found-instance.ts';
import { nextKnown } from '../../lib/sync/known-instances.ts';

const MINUTE = 60_000;

/** `at(1)` is lb1 at 10.0.0.1. */
function at(number: number, name = `lb${number}`): FoundInstance {
  return { name, address: `10.0.0.${number}`, port: 9999 };
}

/** What is known after these answers, one a minute. */
function after(...answers: (readonly FoundInstance[])[]): KnownInstances {
  let known: KnownInstances | null = null;
  for (const [minute, instances] of answers.entries()) known = next(known, instances, minute);
  if (known === null) throw new Error('no answers');
  return known;
}

function next(
  known: KnownInstances | null,
  instances: readonly FoundInstance[],
  minute: number,
  { service = 'lb', silent = [] }: { service?: string; silent?: readonly string[] } = {},
) {
  const found = { instances, refused: [] };
  return nextKnown(known, found, {
    ...{ fleet: 'edge', service, nowMs: minute * MINUTE },
    silent: new Set(silent),
  });
}

function names({ instances }: KnownInstances): string[] {
  return instances.map(({ name }) => name);
}

test('whoever registers is known, and the same answer again changes nothing', () => {
  const known = after([at(1), at(2)]);
  expect(known.instances).toEqual([
    { ...at(1), missedSinceMs: null },
    { ...at(2), missedSinceMs: null },
  ]);
  expect(next(known, [at(1), at(2)], 5)).toBe(known);
});

test('an empty answer drops nobody, however long it lasts', () => {
  const known = after([at(1), at(2)]);
  expect(next(known, [], 1)).toBe(known);
  expect(next(known, [], 10_000)).toBe(known);
});

test('who is missed stays for ten minutes', () => {
  const missed = after([at(1), at(2)], [at(2)]);
  expect(missed.instances).toEqual([
    { ...at(1), missedSinceMs: MINUTE },
    { ...at(2), missedSinceMs: null },
  ]);
  expect(next(missed, [at(2)], 10)).toBe(missed);
  expect(names(next(missed, [at(2)], 11))).toEqual(['lb2']);
});

test('who is missed twice and does not answer is gone', () => {
  const silent = ['lb1'];
  const missed = next(after([at(1), at(2)]), [at(2)], 1, { silent });
  expect(names(missed)).toEqual(['lb1', 'lb2']);
  expect(names(next(missed, [at(2)], 2, { silent: [] }))).toEqual(['lb1', 'lb2']);
  expect(names(next(missed, [at(2)], 2, { silent }))).toEqual(['lb2']);
  expect(names(next(missed, [], 2, { silent }))).toEqual(['lb1', 'lb2']);
});

test('who comes back in time was never missed', () => {
  const back = after([at(1), at(2)], [at(2)], [at(1), at(2)]);
  expect(back.instances.map(({ missedSinceMs }) => missedSinceMs)).toEqual([null, null]);
});

test('who is missed is gone at once when somebody else has the address', () => {
  expect(names(after([at(1), at(2)], [at(1, 'new'), at(2)]))).toEqual(['new', 'lb2']);
});

test('a new address is the new place of the same instance', () => {
  const moved = { ...at(1), address: '10.0.0.99' };
  expect(after([at(1), at(2)], [moved, at(2)]).instances[0]).toEqual({ ...moved, missedSinceMs: null });
});

test('of another service nothing is known', () => {
  expect(names(next(after([at(1)]), [at(2)], 1, { service: 'other' }))).toEqual(['lb2']);
});

test('what is refused is known, too', () => {
  const refused = [{ name: 'odd', address: 'x', port: 1, reason: 'not an IP address' }];
  const known = after([at(1)]);
  const at0 = { fleet: 'edge', service: 'lb', nowMs: 0, silent: new Set<string>() };
  const odd = nextKnown(known, { instances: [at(1)], refused }, at0);
  expect(odd).toEqual({ ...known, refused });
});

test('newcomers take the places of those who are gone, so that nobody else changes the shard', () => {
  const all = [1, 2, 3, 4].map((number) => at(number));
  const without2 = Array.from({ length: 11 }, () => [at(1), at(3), at(4)]);
  const known = after(all, ...without2.slice(1));
  expect(names(next(known, [at(1), at(3), at(4), at(5)], 11))).toEqual(['lb1', 'lb5', 'lb3', 'lb4']);
  expect(names(next(known, [at(1), at(3), at(4)], 11))).toEqual(['lb1', 'lb4', 'lb3']);
});

test('whatever comes and goes: nobody twice, everybody found is known, and at most as many places change as left', () => {
  const some = fc.subarray([1, 2, 3, 4, 5, 6, 7, 8].map((number) => at(number)));
  fc.assert(
    fc.property(fc.array(fc.tuple(some, fc.integer({ min: 1, max: 12 })), { maxLength: 12 }), (answers) => {
      let known: KnownInstances | null = null;
      let minute = 0;
      for (const [found, later] of answers) {
        minute += later;
        const before: string[] = known === null ? [] : names(known);
        known = next(known, found, minute);
        const now = names(known);
        expect(new Set(now).size).toBe(now.length);
        expect(now).toEqual(expect.arrayContaining(found.map(({ name }) => name)));
        const left = before.filter((name) => !now.includes(name)).length;
        const moved = now.filter((name, place) => before.includes(name) && before[place] !== name).length;
        expect(moved).toBeLessThanOrEqual(left);
      }
    }),
  );
});
