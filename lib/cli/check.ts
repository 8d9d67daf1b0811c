/** `hitless check`: whether the configuration can be used; with `--live`, whether everything that it names is there. */

import { hostname } from 'node:os';
import type { Command } from 'commander';
import type { Fleet } from '../model/fleet.ts';
import { renderConfiguration } from '../render/configuration.ts';
import { offText } from '../sync/clock-notice.ts';
import { type FleetSurvey, surveyFleet } from '../sync/survey.ts';
import { does, messageOf } from './does.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type GlobalOptions, select } from './global-options.ts';
import { checkText, headText } from './output/check-text.ts';
import { print, printJson } from './output/print.ts';
import { visibleIn } from './output/visible-in.ts';
import { openPorts } from './wiring.ts';

const HELP = `
Reads the configuration file, with every default filled in, and renders each template with an empty table. With
--live it also asks every instance (can it be reached, which HAProxy is it, may we change servers, does it have the
backends and all their slots, does a tls:// port really speak TLS), Consul (is the service there), and the store (may
this user read and write it). Changes nothing.

Exit codes:
  0  all is well (notes do not count)
  1  there are problems, each named

Examples:
  $ hitless check
  $ hitless check --live --fleet edge
`;

interface CheckOptions extends GlobalOptions {
  readonly live?: boolean;
}

export interface FleetCheck {
  readonly problems: readonly string[];
  /** Worth knowing, not wrong. */
  readonly notes: readonly string[];
  /** Null: without `--live`. */
  readonly live: FleetSurvey | null;
}

export function addCheck(program: Command): void {
  const command = program
    .command('check')
    .summary('check the configuration; with --live, what it names as well')
    .description('Checks the configuration file, offline; with --live, what it names as well.')
    .option('-l, --live', 'also ask the instances, Consul and the store')
    .addHelpText('after', HELP);
  does(command, check);
}

async function check(options: CheckOptions): Promise<ExitCode> {
  const { config, fleets } = await select(options);
  const ports = await openPorts(config, () => {});
  const checks = await Promise.all(
    fleets.map(async (fleet): Promise<[Fleet, FleetCheck]> => {
      const live = options.live === true ? await surveyFleet(ports, fleet) : null;
      const problems = [...templateProblems(fleet), ...(live === null ? [] : liveProblems(live))];
      return [
        fleet,
        { problems, notes: [...templateNotes(fleet), ...(live === null ? [] : liveNotes(live))], live },
      ];
    }),
  );
  const ok = checks.every(([, { problems }]) => problems.length === 0);
  if (options.json === true) {
    printJson({ ok, fleets: Object.fromEntries(checks.map(([{ name }, result]) => [name, result])) });
  } else {
    print([
      ...headText(options.config, visibleIn(config)),
      ...checks.flatMap(([fleet, result]) => checkText(visibleIn(fleet), visibleIn(result))),
    ]);
    print([ok ? 'OK' : 'There are problems.']);
  }
  return ok ? EXIT.ok : EXIT.failed;
}

function templateProblems(fleet: Fleet): string[] {
  try {
    renderConfiguration(fleet, { backends: {} });
    return [];
  } catch (error) {
    return [messageOf(error)];
  }
}

function liveProblems({
  instances,
  refusedInstances,
  refusedInstancesMore: more,
  services,
  store,
}: FleetSurvey): string[] {
  return [
    ...refusedInstances.map(
      ({ name, address, port, reason }) =>
        `${name} is registered at ${JSON.stringify(address)} port ${port}, which cannot be: ${reason}`,
    ),
    ...(more === undefined ? [] : [`${more} more registrations cannot be instances`]),
    ...instances.flatMap(({ instance, problems }) => problems.map((problem) => `${instance}: ${problem}`)),
    ...services.flatMap(({ problems }) => problems),
    ...store.problems,
  ];
}

/**
 * HAProxy restores addresses from a state file only for servers that are declared by a name; for literal addresses
 * it mixes the file's port with the configuration's address (measured on 2.2, 2.6, 3.0 and 3.2).
 */
function templateNotes({ template }: Fleet): string[] {
  const stateFile = 'a state file does not restore the addresses of servers that are declared by IP address';
  if (template === null) {
    return [
      `no template, so no configuration is rendered; a restarted HAProxy is repaired by the next sync only, for ${stateFile}`,
    ];
  }
  const line = template.text
    .split('\n')
    .find((text) => /^\s*(?:load-)?server-state-file\b|^\s*load-server-state-from-file\b/.test(text));
  if (line === undefined) return [];
  return [
    `${template.path} has \`${line.trim()}\`: ${stateFile}, only ports and states; the rendered lines do it better without`,
  ];
}

function liveNotes(live: FleetSurvey): string[] {
  const own = live.instances.flatMap(({ instance, notes }) => notes.map((note) => `${instance}: ${note}`));
  return [...own, ...twins(live), ...clockNotes(live)];
}

function clockNotes({ store: { clockOffMs } }: FleetSurvey): string[] {
  if (clockOffMs === undefined) return [];
  const off = offText(clockOffMs);
  return [
    `the clock of this machine (${hostname()}) is ${off} the store's, which passes use instead; set it`,
  ];
}

/** Two names for one process would be changed twice at the same time. */
function twins({ instances }: FleetSurvey): string[] {
  const processes = Map.groupBy(
    instances.filter(({ info }) => info !== null),
    ({ info }) => `${info?.pid} ${info?.version}`,
  );
  return [...processes.values()]
    .filter((same) => same.length > 1)
    .map((same) => {
      const names = same.map(({ instance }) => instance).join(' and ');
      return `${names} have the same version and process id: one process must not have two names`;
    });
}
