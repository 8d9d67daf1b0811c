/** What `npm start` prints once everything runs: where things are, and what to try. Every command works as written. */

import { relative } from 'node:path';
import { SERVICE } from '../system/configuration.ts';
import type { LocalSystem } from '../system.ts';
import type { WebServer } from '../web-server.ts';
import type { LocalFile } from './local-file.ts';

/** @param folder that the printed paths are relative to: the checkout. */
export function greeting(
  folder: string,
  system: LocalSystem,
  webServers: readonly WebServer[],
  file: LocalFile,
): string {
  const { consul, webhook, instances, emulator, configuration } = system;
  const rows: (readonly [string, string])[] = [
    ['Consul', `${consul.url}/ui`],
    ['webhook', webhook.url],
    ...instances.map(({ name, address, haproxy }) => [name, `${haproxy.url}  (${address})`] as const),
    ['web servers', webServers.map(({ name, port }) => `${name} 127.0.0.1:${port}`).join(', ')],
    ['S3, SQS', `${emulator.s3Endpoint}  (bucket ${system.bucket}, prefix ${system.prefix})`],
    ['hitless.yml', configuration.path],
    ['all of it', shown(folder, file.path)],
  ];
  return [
    '',
    'Hitless runs on this machine. Ctrl-C stops everything.',
    '',
    ...rows.map(([name, value]) => `  ${name.padEnd(12)} ${value}`),
    '',
    'Try, in another terminal in this folder:',
    '',
    ...hints(folder, system, webServers, file).flatMap(({ what, command }) => [
      `  # ${what}`,
      `  ${command}`,
    ]),
    '',
  ].join('\n');
}

/** Shell commands; each works alone. */
function hints(
  folder: string,
  { consul, instances, configuration }: LocalSystem,
  webServers: readonly WebServer[],
  file: LocalFile,
): readonly { readonly what: string; readonly command: string }[] {
  const [lb] = instances;
  const [first, second] = webServers;
  if (lb === undefined || first === undefined || second === undefined) return [];
  const api = `${consul.url}/v1/agent/service`;
  const register = ({ name, address, port }: WebServer) => {
    const service = { ID: name, Name: SERVICE, Address: address, Port: port };
    return `curl -X PUT ${api}/register -d '${JSON.stringify(service)}'`;
  };
  return [
    { what: 'a web server comes up', command: register(first) },
    { what: 'and one more', command: register(second) },
    { what: 'both are served', command: `curl ${lb.haproxy.url}/` },
    {
      what: 'who is in which slot, and which HAProxies have it',
      command: `. ${shown(folder, file.environmentPath)} && npm run -s hitless -- status --config ${configuration.path}`,
    },
    {
      what: 'it goes away: it drains, and then its slot is free (the last one would be withheld)',
      command: `curl -X PUT ${api}/deregister/${second.name}`,
    },
  ];
}

/** `./…` for what is in the folder, for a shell looks elsewhere for a name without a slash. */
function shown(folder: string, path: string): string {
  const inside = relative(folder, path);
  return inside.startsWith('..') ? path : `./${inside}`;
}
