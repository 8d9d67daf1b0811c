/** `hitless render`: the configuration of the current table, to standard output. */

import type { Command } from 'commander';
import { renderConfiguration } from '../render/configuration.ts';
import { slotTableKey } from '../store/keys.ts';
import { decodeSlotTable } from '../store/slot-table-document.ts';
import { does } from './does.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type GlobalOptions, select } from './global-options.ts';
import { printJson, tell } from './output/print.ts';
import { UsageError } from './usage-error.ts';
import { openConfiguredStore } from './wiring.ts';

const HELP = `
Fills the fleet's template with the server lines of the slot table in the store, so that an HAProxy that starts from
the file is where the running ones are. Before the first sync there is no table, and every slot is free: a file to
start the first HAProxy with. With several fleets in the configuration, --fleet says which one.

Exit codes:
  0  the configuration is on standard output
  1  it could not be rendered, or the fleet has no template

Examples:
  $ hitless render > haproxy.cfg && haproxy -c -f haproxy.cfg
  $ hitless render --fleet edge --json | jq -r .structure
`;

export function addRender(program: Command): void {
  const command = program.command('render').summary('print the configuration of the current table');
  does(
    command.description('Prints the configuration of the current table.').addHelpText('after', HELP),
    render,
  );
}

async function render(options: GlobalOptions): Promise<ExitCode> {
  const { config, fleets } = await select(options);
  const [fleet, ...others] = fleets;
  if (fleet === undefined || others.length > 0) {
    const names = fleets.map(({ name }) => name).join(', ');
    throw new UsageError(`a configuration is one fleet's: choose one with --fleet (${names})`);
  }
  const key = slotTableKey(fleet.name);
  const stored = await (await openConfiguredStore(config.store)).get(key);
  const table = stored === null ? null : decodeSlotTable(key, stored.body);
  const rendered = renderConfiguration(fleet, table ?? { backends: {} });
  if (rendered === null) {
    throw new UsageError(`fleet ${fleet.name} has no template: name one at fleets.${fleet.name}.template`);
  }
  if (rendered.lacks.length > 0) {
    const lacks = rendered.lacks.join(', ');
    tell(`the table has servers of ${lacks}, this file has not: the template does not name them`);
  }
  if (table === null) tell(`fleet ${fleet.name} has no table yet: every slot is rendered free`);
  if (options.json === true) {
    const generation = table?.generation ?? 0;
    printJson({ fleet: fleet.name, generation, ...rendered.digests, text: rendered.text });
  } else {
    process.stdout.write(rendered.text);
  }
  return EXIT.ok;
}
