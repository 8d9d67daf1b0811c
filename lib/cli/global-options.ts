/** The options of every command, and what they select. */

import type { Command } from 'commander';
import { didYouMean } from '../config/did-you-mean.ts';
import type { Fleet, HitlessConfig } from '../model/fleet.ts';
import { UsageError } from './usage-error.ts';
import { defaultConfigPath } from './wiring.ts';

export interface GlobalOptions {
  readonly config: string;
  /** Absent: all. */
  readonly fleet?: readonly string[];
  readonly json?: boolean;
}

export interface Selection {
  readonly config: HitlessConfig;
  /** At least one, in the order of the configuration. */
  readonly fleets: readonly Fleet[];
}

/** May stand before or after the command. */
export function addGlobalOptions(program: Command): void {
  const another = (name: string, names: readonly string[] = []) => [...names, name];
  program
    .option('-c, --config <file>', 'configuration file, also from HITLESS_CONFIG', defaultConfigPath())
    .option('-f, --fleet <name>', 'only this fleet; may be given several times (default: all)', another)
    .option('--json', 'print one JSON document instead of text');
}

/**
 * @throws ConfigInvalid
 * @throws UsageError when a fleet is asked for that the configuration does not have.
 */
export async function select({ config: path, fleet: wanted = [] }: GlobalOptions): Promise<Selection> {
  // Later than the command line is read: what is wrong with that needs no parser of YAML.
  const { loadConfig } = await import('../config/load-config.ts');
  const config = await loadConfig(path);
  const names = config.fleets.map(({ name }) => name);
  for (const name of wanted.filter((one) => !names.includes(one))) {
    const meant = didYouMean(name, names);
    const hint = meant === undefined ? `its fleets are ${names.join(', ')}` : `did you mean ${meant}?`;
    throw new UsageError(`${path} has no fleet ${JSON.stringify(name)}, ${hint}`);
  }
  const fleets = config.fleets.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  return { config, fleets };
}
