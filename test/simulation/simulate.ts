#!/usr/bin/env node
/**
 * `npm run simulate -- --seeds N [--from SEED]` runs N seeds and prints the story of the first one that breaks a rule;
 * `npm run simulate -- --seed S` runs one and prints its story. Exit code 1 when a rule did not hold. What no order of
 * lines can prevent (design.md, rule 3) is counted.
 */

import { parseArgs } from 'node:util';
import { type Outcome, runSeed } from './run-seed.ts';

// Nobody reads where an error was made, and most errors here are made on purpose.
Error.stackTraceLimit = 0;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    'keep-going': { type: 'boolean', default: false },
  },
});

if (values.seed === undefined) await runMany(number(values.from), number(values.seeds), values['keep-going']);
else tell(await runSeed(number(values.seed)), true);

async function runMany(from: number, seeds: number, keepGoing: boolean): Promise<void> {
  const startedMs = Date.now();
  const broken: Outcome[] = [];
  const total = { commands: 0, generations: 0 };
  const excuses = new Map<string, number>();
  let done = 0;
  for (let seed = from; seed < from + seeds; seed += 1) {
    const outcome = await runSeed(seed);
    done += 1;
    total.commands += outcome.commands;
    total.generations += outcome.generations;
    for (const [name, count] of outcome.excuses) excuses.set(name, (excuses.get(name) ?? 0) + count);
    if (outcome.violations.length > 0) {
      broken.push(outcome);
      tell(outcome, !keepGoing);
      if (!keepGoing) break;
    }
    if (done % 100 === 0) console.log(`${done} of ${seeds} seeds, ${seconds(startedMs)} s`);
  }
  console.log(
    `${done} seeds from ${from} in ${seconds(startedMs)} s: ${total.generations} generations, ${total.commands} commands; ${broken.length} broke a rule${broken.length === 0 ? '' : `: ${broken.map(({ seed }) => seed).join(', ')}`}`,
  );
  for (const [name, count] of excuses) console.log(`  excused ${count} times: ${name}`);
}

function tell({ seed, violations, story }: Outcome, whole: boolean): void {
  if (whole) console.log(story.join('\n'));
  for (const { invariant, what } of violations) console.log(`seed ${seed}: ${invariant}: ${what}`);
  if (violations.length > 0) {
    process.exitCode = 1;
    if (!whole) console.log(`  its story: npm run simulate -- --seed ${seed}`);
  }
}

function seconds(sinceMs: number): string {
  return ((Date.now() - sinceMs) / 1000).toFixed(1);
}

function number(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a number of seeds: ${text}`);
  return value;
}
