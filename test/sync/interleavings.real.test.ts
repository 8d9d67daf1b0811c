/**
 * Two passes on one real HAProxy, the first held up at one of its lines and then going on or killed: what is left when
 * both are over. `HITLESS_CASES=all` runs every case of every pair on every version; otherwise one of each pair on one.
 */

import { expect, test } from 'vitest';
import { haproxyVersions } from '../../infra/local/servers.ts';
import { PAIRS, type Pair, sampled } from './interleavings/cases.ts';
import { sweep } from './interleavings/sweep.ts';
import { startWorld, type World } from './interleavings/world.ts';

const SEED = 7;

const all = process.env.HITLESS_CASES === 'all';

test(
  'whatever two passes do to each other, the instance ends as the table, and nothing is held falsely or forgotten',
  async () => {
    const versions = await haproxyVersions();
    const swept = versions.map(async ({ path }, turn) => {
      const world = await startWorld(path);
      try {
        // Without `all` every version has its share of the pairs.
        const pairs = PAIRS.filter((_, index) => all || index % versions.length === turn);
        return await sweepAll(world, pairs, randomFrom(SEED));
      } finally {
        await world.stop();
      }
    });
    const cases = (await Promise.all(swept)).reduce((sum, one) => sum + one, 0);
    expect(cases).toBeGreaterThanOrEqual(PAIRS.length);
  },
  all ? 3_600_000 : 180_000,
);

/** How many cases there were. */
async function sweepAll(world: World, pairs: readonly Pair[], random: () => number): Promise<number> {
  let cases = 0;
  for (const pair of pairs) {
    const tally = await sweep(world, pair, (of) => (all ? of : sampled(of, 1, random)));
    cases += tally.cases;
    expect(tally.failed).toEqual([]);
  }
  return cases;
}

/** Between 0 and 1, the same ones every time. */
function randomFrom(seed: number): () => number {
  let last = seed;
  return () => {
    last = (last * 16_807) % 2_147_483_647;
    return last / 2_147_483_647;
  };
}
