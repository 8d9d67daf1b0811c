/** `hitless release`: what the guard withholds in a backend may go. */

import type { Command } from 'commander';
import { didYouMean } from '../config/did-you-mean.ts';
import type { BackendPolicy, Fleet } from '../model/fleet.ts';
import { type Released, releaseBackend } from '../sync/release.ts';
import { does } from './does.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type GlobalOptions, select } from './global-options.ts';
import { print, printJson } from './output/print.ts';
import { releaseText } from './output/release-text.ts';
import { visibleIn } from './output/visible-in.ts';
import { tellEvent } from './tell-event.ts';
import { UsageError } from './usage-error.ts';
import { openPorts } from './wiring.ts';

const HELP = `
When more of a backend's endpoints disappear from Consul at once than \`keep\` allows, the rest is withheld: it serves
on, and \`hitless status\` shows it. If you know that they are meant to be gone, release them. Nothing is sent to a load
balancer now: the release is kept in the slot table, and the next pass (the worker's, the reconcile's, or a
\`hitless sync\`) drains them or puts them in maint as usual. What Consul has ready again by then stays.

When Consul has no endpoint for the backend at all, all of them are withheld without an end, and releasing them leaves
the backend without a server: clients get 503. That takes --empty.

Exit codes:
  0  everything that was withheld is released (also: nothing was)
  3  something stays withheld, because it takes --empty
  1  nothing could be done

Examples:
  $ hitless release --fleet edge --backend be_template && hitless sync --fleet edge
  $ hitless release --fleet edge --backend be_old --empty
`;

interface ReleaseOptions extends GlobalOptions {
  readonly backend: string;
  readonly empty?: boolean;
}

export function addRelease(program: Command): void {
  const command = program
    .command('release')
    .summary('let go what the guard withholds in a backend')
    .description('Lets go what the guard withholds in a backend, with the next pass.')
    .requiredOption('-b, --backend <name>', 'the backend, as HAProxy calls it')
    .option('--empty', 'also when that leaves the backend without any server')
    .addHelpText('after', HELP);
  does(command, release);
}

async function release(options: ReleaseOptions): Promise<ExitCode> {
  const { config, fleets } = await select(options);
  const [fleet, ...others] = fleets;
  if (fleet === undefined || others.length > 0) {
    const names = fleets.map(({ name }) => name).join(', ');
    throw new UsageError(`a release is for one fleet: choose one with --fleet (${names})`);
  }
  const policy = backendOf(fleet, options.backend);
  const ports = await openPorts(config, tellEvent);
  const result = await releaseBackend(ports, fleet, policy, { empty: options.empty === true });
  if (options.json === true) printJson({ fleet: fleet.name, backend: policy.backend, ...result });
  else print(releaseText(fleet, policy, visibleIn(result)));
  return exitCodeOf(result);
}

function backendOf({ name: fleet, backends }: Fleet, wanted: string): BackendPolicy {
  const found = backends.find(({ backend }) => backend === wanted);
  if (found !== undefined) return found;
  const names = backends.map(({ backend }) => backend);
  const meant = didYouMean(wanted, names);
  const hint = meant === undefined ? `its backends are ${names.join(', ')}` : `did you mean ${meant}?`;
  throw new UsageError(`fleet ${fleet} has no backend ${JSON.stringify(wanted)}, ${hint}`);
}

function exitCodeOf({ staying }: Released): ExitCode {
  return staying.length > 0 ? EXIT.somethingLeft : EXIT.ok;
}
