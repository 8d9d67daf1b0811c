/** What a benchmark is, and what it gives. */

export interface BenchmarkOptions {
  /** Rounds of which the median is taken; null: the benchmark's own number. */
  readonly runs: number | null;
  /** `small` shows that a benchmark works; the bars are meant for `full`. */
  readonly size: 'small' | 'full';
  /** For everything that is drawn at random. */
  readonly seed: number;
  /** What is being done, for somebody who waits. */
  readonly tell: (text: string) => void;
}

export type Unit =
  | 'ms'
  | 'µs'
  | '×'
  | 'MB'
  | 'kB'
  | '%'
  | 'commands'
  | 'connections'
  | 'requests'
  | 'messages'
  | 'invocations'
  | 'GB-s'
  | '$'
  | 'exponent'
  | 'objects'
  | 'GB';

/** The bar that issue 4 sets. A bar that is not met is said so, and fails nothing. */
export type Bar = { readonly atMost: number } | { readonly atLeast: number };

export interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: Unit;
  readonly bar?: Bar;
  /** What somebody needs to know to read the number. */
  readonly note?: string;
}

export interface BenchmarkResult {
  /** How much of what, so that the numbers can be compared with others. */
  readonly sizes: Readonly<Record<string, number | string | readonly number[]>>;
  readonly rows: readonly Row[];
}

export interface Benchmark {
  /** As it is asked for on the command line. */
  readonly name: string;
  readonly title: string;
  /**
   * Looks at the end state before it gives a number.
   *
   * @throws WrongResult when what was measured did not do its work.
   */
  run(options: BenchmarkOptions): Promise<BenchmarkResult>;
}

/** What was measured did not do its work: its time means nothing. */
export class WrongResult extends Error {
  override readonly name = 'WrongResult';
  readonly code = 'BENCHMARK_WRONG_RESULT';
}

/** @throws WrongResult */
export function verify(holds: boolean, claim: string): void {
  if (!holds) throw new WrongResult(`not so: ${claim}`);
}

/** Undefined: there is no bar. */
export function isMet({ value, bar }: Row): boolean | undefined {
  if (bar === undefined) return undefined;
  return 'atMost' in bar ? value <= bar.atMost : value >= bar.atLeast;
}
