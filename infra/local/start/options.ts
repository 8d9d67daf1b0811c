/** The command line of `npm start`. */

import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';

export interface StartOptions {
  readonly haproxies: number;
  /** Milliseconds. */
  readonly reconcileEvery: number;
  /** Absolute. */
  readonly folder: string;
}

const MOST_HAPROXIES = 100;

/**
 * @param checkout the folder of the project.
 * @param args what follows the program's name.
 * Ends the process with its help (exit code 0), or with what is wrong (1).
 */
export function readOptions(checkout: string, args: readonly string[]): StartOptions {
  return new Command('npm start --')
    .description('Runs the whole system on this machine until Ctrl-C, and shows what happens.')
    .addOption(
      new Option('--haproxies <number>', 'how many load balancers')
        .default(3)
        .argParser(number(1, MOST_HAPROXIES)),
    )
    .addOption(
      new Option(
        '--reconcile-every <seconds>',
        'how often lost events and drift are repaired (on AWS every minute)',
      )
        .default(10_000, '10')
        .argParser((text) => number(1, 3600)(text) * 1000),
    )
    .addOption(
      new Option('--folder <path>', 'where local.json is written')
        .default(join(checkout, '.hitless'), '.hitless')
        .argParser((path) => resolve(path)),
    )
    .addHelpText(
      'after',
      '\nAll addresses, tokens and credentials are in .hitless/local.json while it runs.\nIts services in Consul, its store and its queue are gone when it ends.',
    )
    .parse(args, { from: 'user' })
    .opts<StartOptions>();
}

function number(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`);
  };
}
