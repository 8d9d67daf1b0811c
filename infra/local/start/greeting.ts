/** What `npm start` prints once everything runs: where things are, and what to try. Every command works as written. */

import { relative } from 'node:path';
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
    ['all of it', relative(folder, file.path)],
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
export function hints(
  folder: string,
  { consul, instances, configuration }: LocalSystem,
  webServers: readonly WebServer[],
  file: LocalFile,
): readonly { readonly what: string; readonly command: string }[] {
  const [lb] = instances;
  const [web] = webServers;
  if (lb === undefined || web === undefined) return [];
  const service = { ID: web.name, Name: 'my-cluster', Address: web.address, Port: web.port };
  const consulApi = `${consul.url}/v1/agent/service`;
  return [
    {
      what: 'a web server comes up; each further one with an ID and Port of its own',
      command: `curl -X PUT ${consulApi}/register -d '${JSON.stringify(service)}'`,
    },
    { what: 'and is served', command: `curl ${lb.haproxy.url}/` },
    {
      what: 'who is in which slot, and which HAProxies have it',
      command: `. ./${relative(folder, file.environmentPath)} && npm run -s hitless -- status --config ${configuration.path}`,
    },
    { what: 'it goes away', command: `curl -X PUT ${consulApi}/deregister/${web.name}` },
  ];
}
