/** `hitless init`: a hitless.yml proposed from a running HAProxy and Consul. Changes nothing but the file it writes. */

import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { readInstanceAddress } from '../config/read-address.ts';
import { ConsulFailed } from '../consul/consul-failed.ts';
import { readEndpoints } from '../consul/reading.ts';
import type { Endpoint } from '../model/endpoint.ts';
import type { InstanceAddress } from '../model/fleet.ts';
import { isHaproxyName } from '../model/names.ts';
import { addressText } from '../runtime-api/address-text.ts';
import { does } from './does.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { GlobalOptions } from './global-options.ts';
import { type ProposedBackend, proposeBackend, type Services } from './init/propose-backend.ts';
import { proposedConfiguration } from './init/proposed-configuration.ts';
import { tell } from './output/print.ts';
import { UsageError } from './usage-error.ts';
import { openDiscovery } from './wiring.ts';

const HELP = `
Asks each HAProxy for its backends and servers and Consul for its services, and writes a hitless.yml with comments: the
backends that have free servers (server-template … disabled), their prefix, count and placeholder, the service whose
endpoints they serve, and what does not fit. Several --socket and --tcp are instances of one fleet; backends are read from
the first. It needs level admin, as a sync does.

Exit codes:
  0  written, or on standard output
  1  HAProxy or Consul could not be asked, no backend fits, or the file is there already

Examples:
  $ hitless init --socket /run/haproxy/admin.sock
  $ hitless init --tcp 10.0.1.11:9999 --tcp 10.0.1.12:9999 --consul http://10.0.0.5:8500 --output hitless.yml
`;

const TIMEOUT_MS = 5_000;
const MOST_SERVICES = 200;

interface InitOptions extends GlobalOptions {
  readonly socket?: readonly string[];
  readonly tcp?: readonly string[];
  readonly consul: string;
  readonly store: string;
  readonly output?: string;
}

export function addInit(program: Command): void {
  const another = (value: string, values: readonly string[] = []) => [...values, value];
  const command = program
    .command('init')
    .summary('propose a hitless.yml from a running HAProxy and Consul')
    .option('--socket <path>', 'the unix socket of an HAProxy; may be given several times', another)
    .option(
      '--tcp <host:port>',
      'the Runtime API of an HAProxy over TCP; may be given several times',
      another,
    )
    .option('--consul <url>', 'a Consul agent', 'http://127.0.0.1:8500')
    .option('--store <address>', 'where the store will be', 'file:/var/lib/hitless')
    .option('-o, --output <file>', 'a file that is not there yet, instead of standard output');
  does(
    command
      .description('Proposes a hitless.yml from a running HAProxy and Consul.')
      .addHelpText('after', HELP),
    init,
  );
}

async function init(options: InitOptions): Promise<ExitCode> {
  const { consul, store, output } = options;
  const addresses = addressesOf(options);
  const discovery = await openDiscovery(consul, TIMEOUT_MS);
  const found = await Promise.all(addresses.map((address) => discovery.readInstance(address)));
  const [first] = found;
  if (first === undefined) throw new UsageError('say which HAProxy: --socket PATH or --tcp HOST:PORT');
  const services = await servicesOf(discovery);
  const backends = [...Map.groupBy(first.servers, ({ backend }) => backend)].map(([backend, servers]) =>
    proposeBackend(backend, servers, first.backends.get(backend), services),
  );
  if (!backends.some(fits)) throw new UsageError(nothingFits(backends));
  const text = proposedConfiguration({
    ...{ consul, store, backends },
    instances: found.map(({ address, info }) => ({ address: addressText(address), haproxy: info.version })),
  });
  if (output === undefined) process.stdout.write(text);
  else {
    writeNew(output, text);
    tell(`${output} is written; read it, then: hitless check --live --config ${output}`);
  }
  return EXIT.ok;
}

function fits({ backend, slots }: ProposedBackend): boolean {
  return slots !== null && slots.service !== null && isHaproxyName(backend);
}

function nothingFits(backends: readonly ProposedBackend[]): string {
  if (backends.length === 0) return 'HAProxy has no backend with servers';
  const why = backends.flatMap(({ backend, remarks, slots }) => {
    const last = slots === null ? remarks.at(-1) : `no service is sure to be its own; ${slots.why}`;
    return [`${backend}: ${last ?? ''}`];
  });
  return `no backend can be proposed:\n${why.join('\n')}`;
}

/** @throws UsageError */
function addressesOf({ socket = [], tcp = [] }: InitOptions): InstanceAddress[] {
  const texts = [...socket.map((path) => `unix://${resolve(path)}`), ...tcp.map((place) => `tcp://${place}`)];
  return texts.map((text) => {
    const read = readInstanceAddress(text);
    if ('refused' in read) throw new UsageError(`${text}: ${read.refused}`);
    return read.value;
  });
}

type Discovery = Awaited<ReturnType<typeof openDiscovery>>;

/** Whose registrations are ready, of each service. */
async function servicesOf(discovery: Discovery): Promise<Services> {
  const names = await discovery.readServiceNames();
  if (names.length > MOST_SERVICES)
    tell(`Consul has ${names.length} services; only the first ${MOST_SERVICES} are looked at`);
  const services = new Map<string, readonly Endpoint[]>();
  for (const name of names.slice(0, MOST_SERVICES)) {
    try {
      const entries = await discovery.readService(name);
      services.set(name, readEndpoints(entries, { tags: [], include: ['passing'], weights: true }).endpoints);
    } catch (error) {
      if (!(error instanceof ConsulFailed)) throw error;
      tell(`${name} is left out: ${error.message}`);
    }
  }
  return services;
}

/** @throws UsageError when the file is there. */
function writeNew(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx' });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST')
      throw new UsageError(`${path} is there already, and nothing is written over`);
    throw error;
  }
}
