/** `hitless status`: what the store knows: the table and the last reports. Connects to no HAProxy and not to Consul. */

import type { Command } from 'commander';
import { fleetStatus } from '../sync/status.ts';
import { does, eachFleet } from './does.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type GlobalOptions, select } from './global-options.ts';
import { print, printJson } from './output/print.ts';
import { statusText } from './output/status-text.ts';
import { visibleIn } from './output/visible-in.ts';
import { UsageError } from './usage-error.ts';
import { openConfiguredStore } from './wiring.ts';

const HELP = `
Shows generation, converged and lagging instances, slots used and free, changes that are withheld, endpoints that are
refused, and servers that an operator holds in drain or maint, all from the store: how the last pass left things. It
asks neither the load balancers nor Consul (\`hitless plan\` does).

Exit codes:
  0  told, whatever the state is
  1  the store could not be read

With --prometheus it prints metrics instead, for node_exporter's textfile collector; then a store that cannot be read is
hitless_store_readable 0.

Examples:
  $ hitless status
  $ hitless status --prometheus > hitless.prom.new && mv hitless.prom.new hitless.prom
  $ hitless status --json | jq -e '[.fleets[].instances[].converged] | all'
`;

export function addStatus(program: Command): void {
  const command = program
    .command('status')
    .summary('show how the last pass left things, from the store')
    .option('--prometheus', 'print metrics in the text format of Prometheus');
  does(
    command.description('Shows how the last pass left things, from the store.').addHelpText('after', HELP),
    status,
  );
}

interface StatusOptions extends GlobalOptions {
  readonly prometheus?: true;
}

async function status(options: StatusOptions): Promise<ExitCode> {
  if (options.prometheus === true && options.json === true)
    throw new UsageError('--prometheus and --json are two formats: choose one');
  const { config, fleets } = await select(options);
  const store = await openConfiguredStore(config.store);
  const outcomes = await eachFleet(fleets, (fleet) => fleetStatus(store, fleet));
  if (options.prometheus === true) {
    const { prometheusText } = await import('./output/prometheus-text.ts');
    const statuses = new Map(outcomes.map(({ fleet, result }) => [fleet.name, result]));
    process.stdout.write(await prometheusText(statuses));
  } else if (options.json === true) {
    const told = outcomes.map(({ fleet, result, error }) => [fleet.name, result ?? { error }]);
    printJson({ fleets: Object.fromEntries(told) });
  } else {
    print(
      outcomes.flatMap(({ fleet, result }) =>
        result === null ? [] : statusText(fleet.name, visibleIn(result)),
      ),
    );
  }
  return outcomes.some(({ result }) => result === null) ? EXIT.failed : EXIT.ok;
}
