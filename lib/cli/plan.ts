/** `hitless plan`: what a pass would do to each instance, changing nothing. */

import type { Command } from 'commander';
import { countKept } from '../plan/count-kept.ts';
import {
  type BackendStatus,
  backendStatuses,
  isOverruled,
  type UnlistedBackend,
  unlistedStatuses,
} from '../sync/backend-status.ts';
import { type FleetPreview, type InstancePreview, previewFleet } from '../sync/preview.ts';
import { does, eachFleet } from './does.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type GlobalOptions, select } from './global-options.ts';
import { planText } from './output/plan-text.ts';
import { print, printJson } from './output/print.ts';
import { visibleIn } from './output/visible-in.ts';
import { tellEvent } from './tell-event.ts';
import { openPorts } from './wiring.ts';

const HELP = `
Reads Consul, the store and every instance, and shows what \`hitless sync\` would do: which servers are added, kept,
drained and removed on which instance, which changes are withheld and until when, and which endpoints are refused.
Writes nothing anywhere.

Exit codes:
  0  nothing to do
  2  something to do (a change that is withheld, an endpoint that is refused, or an instance that cannot be
     reached is something)
  1  it could not be found out

Examples:
  $ hitless plan
  $ hitless plan --fleet edge --json | jq '.fleets.edge.instances.lb1.changes'
`;

export function addPlan(program: Command): void {
  const command = program.command('plan').summary('show what a sync would do, changing nothing');
  does(command.description('Shows what a sync would do, changing nothing.').addHelpText('after', HELP), plan);
}

/** What is known about one instance, as `--json` tells it. */
export interface InstancePlan {
  /** Null: it was reached. */
  readonly unreachable: string | null;
  readonly pid: number | null;
  readonly version: string | null;
  readonly kept: number;
  /** How many a pass would send. */
  readonly commands: number;
  readonly changes: NonNullable<InstancePreview['plan']>['changes'];
  readonly operatorHeld: NonNullable<InstancePreview['plan']>['operatorHeld'];
  readonly missingSlots: readonly string[];
  readonly problems: NonNullable<InstancePreview['plan']>['problems'];
}

export interface FleetPlan {
  /** Of the stored table; 0: there is none yet. */
  readonly generation: number;
  /** Of the table after a pass. */
  readonly nextGeneration: number;
  readonly consulFailures: FleetPreview['consulFailures'];
  readonly refusedInstances: FleetPreview['refusedInstances'];
  /** How many more than `refusedInstances` names. Absent: none. */
  readonly refusedInstancesMore?: number;
  readonly backends: Readonly<Record<string, BackendStatus>>;
  readonly unlisted: Readonly<Record<string, UnlistedBackend>>;
  /** Why the published configuration stays as it is although the fleet has a template; null: it does not. */
  readonly configurationWithheld: string | null;
  readonly instances: Readonly<Record<string, InstancePlan>>;
}

async function plan(options: GlobalOptions): Promise<ExitCode> {
  const { config, fleets } = await select(options);
  const ports = await openPorts(config, tellEvent);
  const outcomes = await eachFleet(fleets, async (fleet): Promise<FleetPlan> => {
    const preview = await previewFleet(ports, fleet);
    const { table, changed, consulFailures, refusedInstances, refusedInstancesMore: more } = preview;
    return {
      generation: changed ? table.generation - 1 : table.generation,
      nextGeneration: table.generation,
      consulFailures,
      refusedInstances,
      ...(more !== undefined && { refusedInstancesMore: more }),
      backends: backendStatuses(fleet, table),
      unlisted: unlistedStatuses(fleet, table),
      configurationWithheld: preview.configurationWithheld,
      instances: Object.fromEntries(
        preview.instances.map((instance) => [instance.instance, instancePlan(preview, instance)]),
      ),
    };
  });
  if (options.json === true) {
    const told = outcomes.map(({ fleet, result, error }) => [fleet.name, result ?? { error }]);
    printJson({ fleets: Object.fromEntries(told) });
  } else {
    print(
      outcomes.flatMap(({ fleet, result }) => (result === null ? [] : planText(fleet, visibleIn(result)))),
    );
  }
  if (outcomes.some(({ result }) => result === null)) return EXIT.failed;
  return outcomes.some(({ result }) => result !== null && isSomething(result)) ? EXIT.somethingToDo : EXIT.ok;
}

function instancePlan({ table }: FleetPreview, { info, plan, unreachable }: InstancePreview): InstancePlan {
  if (plan === null) {
    const nothing = { changes: [], operatorHeld: [], missingSlots: [], problems: [] };
    return { unreachable, pid: null, version: null, kept: 0, commands: 0, ...nothing };
  }
  const { changes, operatorHeld, missingSlots, problems } = plan;
  const steps = plan.stages.flatMap((stage) => stage.steps);
  return {
    unreachable,
    pid: info.pid,
    version: info.version,
    kept: countKept(table, plan),
    commands: steps.reduce((total, { commands }) => total + commands.length, 0),
    changes,
    operatorHeld,
    missingSlots,
    problems,
  };
}

/** Whether a pass would do, or leave, anything. What an operator holds is as it should be. */
function isSomething({
  generation,
  nextGeneration,
  consulFailures,
  refusedInstances,
  backends,
  instances,
  configurationWithheld,
}: FleetPlan): boolean {
  return (
    generation !== nextGeneration ||
    configurationWithheld !== null ||
    Object.values(backends).some(isOverruled) ||
    consulFailures.length + refusedInstances.length > 0 ||
    Object.values(backends).some(({ withheld, refused }) => withheld.length + refused.length > 0) ||
    Object.values(instances).some(
      ({ unreachable, changes, missingSlots, problems }) =>
        unreachable !== null || changes.length + missingSlots.length + problems.length > 0,
    )
  );
}
