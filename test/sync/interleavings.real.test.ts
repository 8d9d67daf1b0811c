/**
 * Two passes on one real HAProxy, the first held up at one of its lines and then going on or killed: what is left when
 * both are over. `HITLESS_CASES=all` runs every case of these pairs; otherwise some of each, the same ones every time.
 */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { haproxyVersions } from '../../infra/local/servers.ts';
import { PAIRS, sampled } from './interleavings/cases.ts';
import { sweep } from './interleavings/sweep.ts';
import { startWorld, type World } from './interleavings/world.ts';

const SEED = 7;
const CASES_OF_A_PAIR = 2;

/**
 * An operator's words are left out where a pass that has not reported yet is what must remember them: beside a restart,
 * another word, or an assignment that changes or flaps meanwhile.
 */
const pairs = PAIRS.filter(({ first, second }) => {
  const words = [first, second].filter((event) => event.endsWith('by hand')).length;
  return words === 0;
});

let world: World;
beforeAll(async () => {
  const [version] = await haproxyVersions();
  if (version === undefined) throw new Error('no HAProxy');
  world = await startWorld(version.path);
});
afterAll(() => world.stop());

test(
  'whatever two passes do to each other, the instance ends as the table, and nothing is held falsely or forgotten',
  async () => {
    let seed = SEED;
    const random = () => {
      seed = (seed * 16_807) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    const all = process.env.HITLESS_CASES === 'all';
    let cases = 0;
    for (const pair of pairs) {
      const tally = await sweep(world, pair, (of) => (all ? of : sampled(of, CASES_OF_A_PAIR, random)));
      cases += tally.cases;
      expect(tally.failed).toEqual([]);
    }
    expect(cases).toBeGreaterThanOrEqual(pairs.length);
  },
  process.env.HITLESS_CASES === 'all' ? 3_600_000 : 180_000,
);
