/** `hitless consul-config`: the watches that hitless.yml needs, as a file of Consul's configuration. */

import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { Fleet } from '../model/fleet.ts';
import { does } from './does.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type GlobalOptions, select } from './global-options.ts';
import { printJson, tell } from './output/print.ts';
import { UsageError } from './usage-error.ts';
import { webhookToken } from './wiring.ts';

const HELP = `
One watch for each service of hitless.yml, to be written into the configuration folder of one Consul agent (of two, if
one may be away: what both report is one pass). A watch that failed is not repeated, so something has to run every
minute besides: cron with \`hitless sync\`, \`hitless run\`, or on AWS the reconcile.

With --script the agent runs \`hitless sync\` as its own user, who needs the store and HAProxy's sockets. With --webhook it
posts to the functions; the token is taken from HITLESS_WEBHOOK_TOKENS, and is TOKEN in what is printed where that is not
set.

Exit codes:
  0  the watches are on standard output
  1  hitless.yml could not be read

Examples:
  $ hitless consul-config --script > /etc/consul.d/hitless.json && consul reload
  $ hitless consul-config --webhook https://API.execute-api.REGION.amazonaws.com
`;

interface ConsulConfigOptions extends GlobalOptions {
  /** True: `hitless`, where the agent's PATH has it. */
  readonly script?: string | true;
  readonly webhook?: string;
}

export function addConsulConfig(program: Command): void {
  const command = program
    .command('consul-config')
    .summary('print the Consul watches that hitless.yml needs')
    .addOption(new Option('--script [program]', 'watches that run `hitless sync`; default: hitless'))
    .addOption(new Option('--webhook <url>', 'watches that post to the webhook').conflicts('script'));
  does(
    command.description('Prints the Consul watches that hitless.yml needs.').addHelpText('after', HELP),
    consulConfig,
  );
}

async function consulConfig(options: ConsulConfigOptions): Promise<ExitCode> {
  const handler = handlerOf(options);
  const { config, fleets } = await select(options);
  const { datacenter } = config.consul;
  const where = datacenter === null ? {} : { datacenter };
  const watches = servicesOf(fleets).map((service) => ({
    ...{ type: 'service', service, ...where },
    ...handler(service),
  }));
  printJson({ watches });
  return EXIT.ok;
}

/** In the order of hitless.yml, each one once. */
function servicesOf(fleets: readonly Fleet[]): string[] {
  return [...new Set(fleets.flatMap(({ backends }) => backends.map(({ service }) => service)))];
}

type Handler = (service: string) => object;

/** @throws UsageError */
function handlerOf({ script, webhook, config, fleet = [] }: ConsulConfigOptions): Handler {
  if (webhook !== undefined) return posting(webhook);
  if (script === undefined) throw new UsageError('say how: --script, or --webhook URL');
  const program = script === true ? 'hitless' : script;
  const chosen = fleet.flatMap((name) => ['--fleet', name]);
  const words = [program, 'sync', '--config', resolve(config), ...chosen];
  return (service) => ({ handler_type: 'script', args: [...words, '--watch-body', service] });
}

/** @throws UsageError for what is no URL of the webhook. */
function posting(text: string): Handler {
  const base = URL.canParse(text) ? new URL(text) : null;
  if (base === null || !/^https?:$/.test(base.protocol))
    throw new UsageError(
      `--webhook ${JSON.stringify(text)} is no URL: expected https://HOST or https://HOST/STAGE`,
    );
  const stage = base.pathname.replace(/\/(?:watch\/?)?$/, '');
  const token = webhookToken();
  if (token === null) tell('HITLESS_WEBHOOK_TOKENS is not set: put the token in the place of TOKEN');
  return (service) => ({
    handler_type: 'http',
    http_handler_config: {
      path: `${base.origin}${stage}/watch/${encodeURIComponent(service)}`,
      method: 'POST',
      timeout: '15s',
      header: { Authorization: [`Bearer ${token ?? 'TOKEN'}`] },
    },
  });
}
