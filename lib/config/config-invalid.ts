/** The error of a configuration file that cannot be used: everything that is wrong with it, at once. */

export interface ConfigProblem {
  /** Counted from 1; null: the problem is the file as a whole. */
  readonly line: number | null;
  /** The path of the key, as in `fleets.edge.backends.be_template.drain`; empty: the file as a whole. */
  readonly key: string;
  readonly problem: string;
}

/** A file that is another one altogether has a problem in each line. */
const MOST_SHOWN = 50;

/** The configuration cannot be used. Trying again helps only after somebody changed the file. */
export class ConfigInvalid extends Error {
  override readonly name = 'ConfigInvalid';
  readonly code = 'CONFIG_INVALID';
  /** As the operator named it. */
  readonly file: string;
  /** In the order of the file; at least one. */
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, problems: readonly ConfigProblem[], cause?: unknown) {
    const lines = problems.slice(0, MOST_SHOWN).map((problem) => shown(file, problem));
    const more = problems.length - lines.length;
    super([...lines, ...(more === 0 ? [] : [`… and ${more} more`])].join('\n'), { cause });
    this.file = file;
    this.problems = problems;
  }
}

/** `hitless.yml:12 fleets.edge.backends.be_template.drain: expected …` */
function shown(file: string, { line, key, problem }: ConfigProblem): string {
  const where = line === null ? file : `${file}:${line}`;
  return key === '' ? `${where}: ${problem}` : `${where} ${key}: ${problem}`;
}
