/** The program with its commands: those that the command line names, for one that is not used is not loaded. */

import { Command } from 'commander';
import about from '../../package.json' with { type: 'json' };
import { addGlobalOptions } from './global-options.ts';
import { namedCommand } from './named-command.ts';

const EXAMPLES = `
Examples:
  $ hitless init --socket /run/haproxy/admin.sock    propose a hitless.yml
  $ hitless check --live            is everything there that a sync needs?
  $ hitless plan                    what would a sync do? changes nothing
  $ hitless sync                    do it: from cron, or as the handler of a Consul watch
  $ hitless run                     stay, and do it at every change in Consul: as a service of systemd
  $ hitless status                  how did the last one end?
  $ hitless render > haproxy.cfg    the configuration that fits the running state
  $ hitless release -f edge -b be   those that the guard keeps may go: they are meant to be gone
  $ hitless forget -f edge be_old   a backend that this hitless.yml does not list leaves the table
  $ hitless consul-config --script  the Consul watches that hitless.yml needs

Environment:
  HITLESS_CONFIG        the configuration file, where --config is not given
  HITLESS_CONSUL_TOKEN  Consul's ACL token
  HITLESS_DEBUG=1       errors with the place in the code where they happened
  NO_COLOR=1            no colours on a terminal
`;

type Add = (program: Command) => void;

/** In the order of the help. Each in a file of its own, which is loaded when it is needed. */
const COMMANDS: ReadonlyMap<string, () => Promise<Add>> = new Map([
  ['check', async () => (await import('./check.ts')).addCheck],
  ['plan', async () => (await import('./plan.ts')).addPlan],
  ['sync', async () => (await import('./sync.ts')).addSync],
  ['run', async () => (await import('./run.ts')).addRun],
  ['status', async () => (await import('./status.ts')).addStatus],
  ['render', async () => (await import('./render.ts')).addRender],
  ['release', async () => (await import('./release.ts')).addRelease],
  ['forget', async () => (await import('./forget.ts')).addForget],
  ['init', async () => (await import('./init.ts')).addInit],
  ['consul-config', async () => (await import('./consul-config.ts')).addConsulConfig],
]);

/** Of all the others, so it comes last and only with them. */
const completion = async () => (await import('./completion.ts')).addCompletion;

/** @param words of the command line. Where they name no command, all commands are there: for help, and for hints. */
export async function createProgram(words: readonly string[]): Promise<Command> {
  const program = new Command('hitless')
    .description('Keeps a fleet of HAProxy load balancers in step with Consul, without reloads.')
    .version(about.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('Run `hitless --help` to see the commands and options.')
    .addHelpText('after', EXAMPLES);
  addGlobalOptions(program);
  const wanted = wantedOf(program, words);
  for (const add of await Promise.all(wanted.map((load) => load()))) add(program);
  return program;
}

function wantedOf(program: Command, words: readonly string[]): (() => Promise<Add>)[] {
  if (words[0] === '--version' || words[0] === '-V') return [];
  const named = COMMANDS.get(namedCommand(program, words) ?? '');
  return named === undefined ? [...COMMANDS.values(), completion] : [named];
}
