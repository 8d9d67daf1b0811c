/** All cases of one pair, or some of them, and what came of them. */

import { type Case, caseName, casesOf, type Pair } from './cases.ts';
import { EXEMPTIONS } from './exemptions.ts';
import { type Finding, judge } from './judge.ts';
import { linesOf, type Ran, runCase } from './schedule.ts';
import type { World } from './world.ts';

export interface Tally {
  readonly pair: Pair;
  cases: number;
  /** The first pass had ended before the line at which it was to be held. */
  notReached: number;
  /** Cases with findings that are excused, by the exemption's name. */
  readonly exempt: Map<string, number>;
  readonly failed: Failure[];
}

export interface Failure {
  readonly name: string;
  readonly findings: readonly Finding[];
  /** Everything that reached HAProxy since the first pass began. */
  readonly history: string;
}

/** @param choose of a pair's cases those to run. */
export async function sweep(
  world: World,
  pair: Pair,
  choose: (cases: readonly Case[]) => readonly Case[] = (cases) => cases,
): Promise<Tally> {
  const tally: Tally = { pair, cases: 0, notReached: 0, exempt: new Map(), failed: [] };
  const lines = await linesOf(world, pair);
  for (const one of choose(casesOf(pair, lines))) {
    const ran = await runCase(world, one);
    tally.cases += 1;
    if (ran.heldLine === null) tally.notReached += 1;
    const findings = sifted(await judge(world, ran), ran, tally.exempt);
    if (findings.length > 0) tally.failed.push({ name: caseName(one), findings, history: historyOf(ran) });
  }
  return tally;
}

/** Without what is excused; each exemption counts once for a case. */
function sifted(findings: readonly Finding[], ran: Ran, exempt: Map<string, number>): Finding[] {
  const used = new Set<string>();
  const left = findings.filter((finding) => {
    const excuse = EXEMPTIONS.find(({ excuses }) => excuses(finding, ran));
    if (excuse !== undefined) used.add(excuse.name);
    return excuse === undefined;
  });
  for (const name of used) exempt.set(name, (exempt.get(name) ?? 0) + 1);
  return left;
}

function historyOf({ course, heldLine, ends, resumedAt, endedAt }: Ran): string {
  const begun = course.trace.steps.findLastIndex(({ by }) => by === 'base') + 1;
  const lines = course.trace.text(begun);
  const reasons = [...ends].map(
    ([pass, end]) => `${pass}: ${end === null ? 'killed' : (end?.reason ?? 'converged')}`,
  );
  return [`held: ${heldLine}; went on at ${resumedAt}, ended at ${endedAt}`, lines, ...reasons].join('\n');
}
