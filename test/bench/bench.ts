/**
 * `npm run bench [-- NAME…]`: measures on this machine what issue 4 sets bars for, on real servers where there are some.
 *
 * A benchmark looks at the end state before it tells a number; only a wrong end state makes the exit code 1, a slow
 * machine never does. Absolute times belong to the machine and to what else it does; ratios are taken within a run.
 */

import { cpus } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { assignment } from './assignment.ts';
import { type Benchmark, type BenchmarkOptions, type BenchmarkResult, isMet } from './benchmark.ts';
import { bundles } from './bundles.ts';
import { command } from './command.ts';
import { day } from './day.ts';
import { badInstances, fleet } from './fleet.ts';
import { propagation } from './propagation.ts';
import { run } from './run.ts';
import { slots } from './slots.ts';
import { tableOf } from './table.ts';

const benchmarks: readonly Benchmark[] = [
  slots,
  propagation,
  fleet,
  badInstances,
  assignment,
  bundles,
  command,
  run,
  day,
];

interface Flags {
  readonly json?: true;
  readonly small?: true;
  readonly runs?: number;
  readonly seed: number;
}

const names = benchmarks.map(({ name, title }) => `  ${name.padEnd(12)} ${title}`).join('\n');
const program = new Command('bench')
  .argument('[names...]', 'which ones; all of them when none is named')
  .option('--json', 'one JSON document on standard output instead of tables')
  .option('--small', 'small sizes and few rounds: shows that it works, says little about the bars')
  .option('--runs <count>', 'rounds of which the median is taken', positive)
  .option('--seed <number>', 'for everything drawn at random', positive, 1)
  .addHelpText('after', `\nBenchmarks:\n${names}`)
  .action(runAll);
await program.parseAsync();

interface Done {
  readonly name: string;
  readonly title: string;
  readonly result: BenchmarkResult | null;
  readonly error: string | null;
}

async function runAll(asked: readonly string[], flags: Flags): Promise<void> {
  const unknown = asked.filter((name) => !benchmarks.some((one) => one.name === name));
  if (unknown.length > 0) program.error(`no benchmark ${unknown.join(', ')}; there are:\n${names}`);
  const chosen = benchmarks.filter(({ name }) => asked.length === 0 || asked.includes(name));
  const options: BenchmarkOptions = {
    runs: flags.runs ?? null,
    size: flags.small === true ? 'small' : 'full',
    seed: flags.seed,
    tell: (text) => process.stderr.write(`  ${text}\n`),
  };
  const done: Done[] = [];
  for (const benchmark of chosen) {
    process.stderr.write(`${benchmark.name}: ${benchmark.title}\n`);
    const one = await runOne(benchmark, options);
    done.push(one);
    if (flags.json !== true) process.stdout.write(`${textOf(one)}\n\n`);
  }
  const missed = done.flatMap(({ result }) => (result?.rows ?? []).filter((row) => isMet(row) === false));
  const bars = done.flatMap(({ result }) => (result?.rows ?? []).filter(({ bar }) => bar !== undefined));
  if (flags.json === true) {
    const { size, seed } = options;
    process.stdout.write(
      `${JSON.stringify({ machine: machine(), size, seed, benchmarks: done }, null, 2)}\n`,
    );
  } else {
    const { node, processors } = machine();
    process.stdout.write(
      `${bars.length - missed.length} of ${bars.length} bars met; size ${options.size}, seed ${options.seed}, Node ${node}, ${processors} processors\n`,
    );
  }
  if (done.some(({ error }) => error !== null)) process.exitCode = 1;
}

async function runOne({ name, title, ...benchmark }: Benchmark, options: BenchmarkOptions): Promise<Done> {
  try {
    return { name, title, result: await benchmark.run(options), error: null };
  } catch (error) {
    return { name, title, result: null, error: error instanceof Error ? (error.stack ?? '') : String(error) };
  }
}

function textOf({ name, title, result, error }: Done): string {
  const heading = `${name}: ${title}`;
  return result === null ? `${heading}\nFAILED: ${error}` : `${heading}\n${tableOf(result)}`;
}

function machine() {
  const [first] = cpus();
  return { node: process.versions.node, processors: cpus().length, model: first?.model ?? 'unknown' };
}

function positive(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError('a whole number from 1 on');
  return number;
}
