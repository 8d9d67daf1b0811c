/** `hitless sync`: one pass over all instances, without a queue: the article's script, and all of its job. */

import type { Command } from 'commander';
import type { Fleet } from '../model/fleet.ts';
import { countKept } from '../plan/count-kept.ts';
import type { Applied } from '../sync/apply-instance.ts';
import {
  type BackendStatus,
  backendStatuses,
  isOverruled,
  isoTime,
  type UnlistedBackend,
  unlistedStatuses,
} from '../sync/backend-status.ts';
import { passUntilDrained } from '../sync/drain-out.ts';
import { type PassOptions, type PassResult, passFleet } from '../sync/pass.ts';
import type { EntriesByService } from '../sync/read-endpoints.ts';
import { does, eachFleet, messageOf } from './does.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type GlobalOptions, type Selection, select } from './global-options.ts';
import { print, printJson, tell } from './output/print.ts';
import { syncText } from './output/sync-text.ts';
import { visibleIn } from './output/visible-in.ts';
import { toTheSecond } from './output/words.ts';
import { tellEvent } from './tell-event.ts';
import { UsageError } from './usage-error.ts';
import { readWatchBody } from './watch-body.ts';
import { openPorts } from './wiring.ts';

const HELP = `
Reads Consul, assigns slots, changes every instance over its Runtime API, reads back, and writes the slot table, the
rendered configuration, the state snapshots and the reports to the store. Several at once take turns where the store is
on this machine (\`file:\`), and do no harm where it is not.

Without --wait, servers that drain are left draining; the next sync finishes them.

Exit codes:
  0  all done
  3  something is left: an instance did not converge, a change was withheld, an endpoint was refused, Consul could
     not be read, or something could not be written
  1  nothing could be done

Examples:
  $ hitless sync
  From cron, every minute:
    * * * * *  hitless sync --config /etc/hitless/hitless.yml
  As the handler of a Consul watch:
    { "watches": [ { "type": "service", "service": "my-cluster", "handler_type": "script",
        "args": ["hitless", "sync", "--config", "/etc/hitless/hitless.yml", "--watch-body", "my-cluster"] } ] }
`;

interface SyncOptions extends GlobalOptions {
  readonly wait?: boolean;
  readonly watchBody?: string;
}

export function addSync(program: Command): void {
  const command = program
    .command('sync')
    .summary('bring every instance in step with Consul, now')
    .description('Brings every instance in step with Consul, now.')
    .option('-w, --wait', 'stay until every drain is finished, progress on standard error')
    .option(
      '--watch-body <service>',
      'read the body of a Consul watch of this service from standard input, and use it when Consul cannot be asked',
    )
    .addHelpText('after', HELP);
  does(command, sync);
}

export interface InstanceSync {
  readonly converged: boolean;
  readonly reason: string | null;
  /** Null: it was not reached. */
  readonly pid: number | null;
  readonly version: string | null;
  /** Null: it was not reached. */
  readonly kept: number | null;
  /** Sent to change something. */
  readonly commands: number;
  readonly ms: number;
  /** As planned; with `converged`, as done. */
  readonly changes: Applied['changes'];
  readonly operatorHeld: Applied['report']['operatorHeld'];
  readonly missingSlots: readonly string[];
  readonly problems: Applied['problems'];
}

export interface FleetSync {
  readonly generation: number;
  /** Whether this sync published that generation. */
  readonly changed: boolean;
  readonly consulFailures: PassResult['consulFailures'];
  readonly refusedInstances: PassResult['refusedInstances'];
  /** How many more than `refusedInstances` names. Absent: none. */
  readonly refusedInstancesMore?: number;
  /** What could not be written, or read, in the store. */
  readonly storeFailures: readonly string[];
  /** False: `--wait` was given, and something still drains. */
  readonly drained: boolean;
  readonly backends: Readonly<Record<string, BackendStatus>>;
  readonly unlisted: Readonly<Record<string, UnlistedBackend>>;
  /** Why the published configuration stays as it is although the fleet has a template; null: it does not. */
  readonly configurationWithheld: string | null;
  readonly instances: Readonly<Record<string, InstanceSync>>;
}

async function sync(options: SyncOptions): Promise<ExitCode> {
  const selection = await select(options);
  const entries = await carriedEntries(options.watchBody, selection);
  const outcomes = await eachFleet(selection.fleets, (fleet) =>
    syncFleet(selection, fleet, entries, options),
  );
  if (options.json === true) {
    const told = outcomes.map(({ fleet, result, error }) => [fleet.name, result ?? { error }]);
    printJson({ fleets: Object.fromEntries(told) });
  } else {
    print(
      outcomes.flatMap(({ fleet, result }) => (result === null ? [] : syncText(fleet, visibleIn(result)))),
    );
  }
  if (outcomes.every(({ result }) => result === null)) return EXIT.failed;
  return outcomes.some(({ result }) => result === null || isLeft(result)) ? EXIT.somethingLeft : EXIT.ok;
}

/** What a watch handed over. A body that cannot be used is told about; Consul itself is asked first anyway. */
async function carriedEntries(service: string | undefined, { fleets }: Selection): Promise<EntriesByService> {
  if (service === undefined) return new Map();
  const known = new Set(fleets.flatMap(servicesOf));
  if (!known.has(service)) {
    const names = [...known].join(', ');
    throw new UsageError(`--watch-body: no fleet uses the service ${JSON.stringify(service)}, only ${names}`);
  }
  try {
    return new Map([[service, await readWatchBody(process.stdin)]]);
  } catch (error) {
    tell(`--watch-body ${service} is not used: ${messageOf(error)}`);
    return new Map();
  }
}

/** What a watch may be of: the services of the backends, and what the load balancers register themselves as. */
function servicesOf({ backends, instancesFrom }: Fleet): string[] {
  const own = backends.map((backend) => backend.service);
  return instancesFrom === null ? own : [...own, instancesFrom.service];
}

async function syncFleet(
  { config }: Selection,
  fleet: Fleet,
  entries: EntriesByService,
  { wait }: SyncOptions,
): Promise<FleetSync> {
  const storeFailures: string[] = [];
  const ports = await openPorts(config, (event) => {
    if (event.event === 'failed') storeFailures.push(String(event.error));
    tellEvent(event);
  });
  const heardMs = performance.now();
  const receivedAtMs =
    entries.size === 0 ? null : () => Math.round(ports.now() - (performance.now() - heardMs));
  const options: PassOptions = { entries, receivedAtMs, snapshots: 'always' };
  const { result, drained } =
    wait === true
      ? await passUntilDrained(ports, fleet, options, waitingFor(fleet))
      : { result: await passFleet(ports, fleet, options), drained: true };
  const { table, changed, consulFailures, refusedInstances, refusedInstancesMore: more } = result;
  return {
    generation: table.generation,
    changed,
    consulFailures,
    refusedInstances,
    ...(more !== undefined && { refusedInstancesMore: more }),
    storeFailures: [...new Set(storeFailures)],
    drained,
    backends: backendStatuses(fleet, table),
    unlisted: unlistedStatuses(fleet, table),
    configurationWithheld: result.configurationWithheld,
    instances: Object.fromEntries(
      result.applied.map((applied) => [applied.report.instance, instanceSync(result, applied)]),
    ),
  };
}

/** Progress of `--wait`, said when it changes. */
function waitingFor({ name }: Fleet): (draining: number, untilMs: number) => void {
  let said = '';
  return (draining, untilMs) => {
    const words = `fleet ${name}: waiting for ${draining} draining until ${toTheSecond(isoTime(untilMs))}`;
    if (words !== said) tell(words);
    said = words;
  };
}

function instanceSync({ table }: PassResult, { report, changes, problems, tookMs }: Applied): InstanceSync {
  const { converged, reason, pid, haproxy, commands, operatorHeld, missingSlots } = report;
  return {
    converged,
    reason,
    pid,
    version: haproxy,
    kept: pid === null ? null : countKept(table, { changes, operatorHeld, missingSlots }),
    commands,
    ms: Math.round(tookMs),
    changes,
    operatorHeld,
    missingSlots,
    problems,
  };
}

/** A drain that goes on is not something left: the next pass finishes it, as it should be. */
function isLeft({ drained, backends, instances, ...sync }: FleetSync): boolean {
  return (
    sync.consulFailures.length + sync.storeFailures.length + sync.refusedInstances.length > 0 ||
    !drained ||
    sync.configurationWithheld !== null ||
    Object.values(backends).some(({ withheld, refused }) => withheld.length + refused.length > 0) ||
    Object.values(backends).some(isOverruled) ||
    Object.values(instances).some(({ converged }) => !converged)
  );
}
