/** `hitless forget`: a backend that hitless.yml no longer lists leaves the slot table. */

import type { Command } from 'commander';
import { didYouMean } from '../config/did-you-mean.ts';
import { type Forgetting, forgetBackend, forgettable, parkBackend } from '../sync/forget.ts';
import { does } from './does.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type GlobalOptions, select } from './global-options.ts';
import { forgetText, leftText } from './output/forget-text.ts';
import { print, printJson, tell } from './output/print.ts';
import { visibleIn } from './output/visible-in.ts';
import { tellEvent } from './tell-event.ts';
import { UsageError } from './usage-error.ts';
import { openPorts } from './wiring.ts';

const HELP = `
A backend that is in the slot table and not in hitless.yml stays as it is, in the table and on the load balancers, for
another hitless.yml may list it; \`hitless status\` shows it as unlisted. This takes it out of the table. An older
hitless.yml that lists it does not bring it back, one that is written later does.

On the load balancers its servers stay as they are, unless --park takes them out first: it marks the backend in the
table and makes a pass. \`keep\` of its servers stay until \`hold\` has passed, each of them drains, and every later pass
goes on with it. Say it again (or --wait) to have it leave the table when no server is left on any load balancer.

Exit codes:
  0  it is not in the table any more (also: it never was)
  3  something is left: servers that stay or drain, or a load balancer that could not be asked
  1  nothing could be done; also: hitless.yml still lists it

Examples:
  $ hitless forget --fleet edge be_old
  $ hitless forget --fleet edge be_old --park --wait
`;

interface ForgetOptions extends GlobalOptions {
  readonly park?: boolean;
  readonly wait?: boolean;
}

export function addForget(program: Command): void {
  const command = program
    .command('forget')
    .summary('let a backend leave the table that hitless.yml no longer lists')
    .description('Lets a backend leave the slot table that hitless.yml no longer lists.')
    .argument('<backend>', 'the backend, as HAProxy calls it')
    .option('--park', 'first take its servers out on the load balancers')
    .option('-w, --wait', 'with --park: stay until it is gone, progress on standard error')
    .addHelpText('after', HELP);
  does(command, (options: ForgetOptions) => forget(command.args[0] ?? '', options));
}

async function forget(backend: string, options: ForgetOptions): Promise<ExitCode> {
  const { config, fleets } = await select(options);
  const [fleet, ...others] = fleets;
  if (fleet === undefined || others.length > 0) {
    const names = fleets.map(({ name }) => name).join(', ');
    throw new UsageError(`a backend is one fleet's: choose one with --fleet (${names})`);
  }
  if (fleet.backends.some((listed) => listed.backend === backend)) {
    throw new UsageError(
      `${options.config} lists ${backend} in fleet ${fleet.name}: take it out there first, or the next pass brings it back`,
    );
  }
  const ports = await openPorts(config, tellEvent);
  const unlisted = await forgettable(ports, fleet);
  const waiting = (left: NonNullable<Forgetting['left']>) => tell(`waiting: ${leftText(backend, left)}`);
  const result =
    options.park === true
      ? await parkBackend(ports, fleet, backend, { wait: options.wait === true, waiting })
      : await forgetBackend(ports, fleet, backend);
  if (options.json === true) printJson({ fleet: fleet.name, backend, ...result });
  else print(forgetText(fleet, backend, visibleIn(result), didYouMean(backend, unlisted ?? [])));
  return result.left === null ? EXIT.ok : EXIT.somethingLeft;
}
