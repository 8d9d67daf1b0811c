#!/usr/bin/env node
/** The command line: `hitless COMMAND`. Results go to standard output, errors and progress to standard error. */

import { Command } from 'commander';
import about from '../../package.json' with { type: 'json' };
import { addCheck } from './check.ts';
import { addGlobalOptions } from './global-options.ts';
import { addPlan } from './plan.ts';
import { addRelease } from './release.ts';
import { addRender } from './render.ts';
import { addStatus } from './status.ts';
import { addSync } from './sync.ts';

const EXAMPLES = `
Examples:
  $ hitless check --live            is everything there that a sync needs?
  $ hitless plan                    what would a sync do? changes nothing
  $ hitless sync                    do it: from cron, or as the handler of a Consul watch
  $ hitless status                  how did the last one end?
  $ hitless render > haproxy.cfg    the configuration that fits the running state
  $ hitless release -f edge -b be   those that the guard keeps may go: they are meant to be gone

Environment:
  HITLESS_CONFIG        the configuration file, where --config is not given
  HITLESS_CONSUL_TOKEN  Consul's ACL token
  HITLESS_DEBUG=1       errors with the place in the code where they happened
  NO_COLOR=1            no colours on a terminal
`;

/** A reader such as `head` that has seen enough is no error. */
process.stdout.on('error', (error) => {
  if ('code' in error && error.code === 'EPIPE') process.exit();
  throw error;
});

const program = new Command('hitless')
  .description('Keeps a fleet of HAProxy load balancers in step with Consul, without reloads.')
  .version(about.version, '-V, --version', 'print the version')
  .helpOption('-h, --help', 'print this help')
  .configureHelp({ showGlobalOptions: true })
  .showHelpAfterError('Run `hitless --help` to see the commands and options.')
  .addHelpText('after', EXAMPLES);

addGlobalOptions(program);
addCheck(program);
addPlan(program);
addSync(program);
addStatus(program);
addRender(program);
addRelease(program);

await program.parseAsync();
