/**
 * What `hitless run` is measured against: a process that stays and does nothing but the least. A blocking query of Consul,
 * and for each endpoint that comes two commands in one write, for each that goes one. No look before, none after, no store,
 * no guard, no second load balancer.
 */

import { get } from 'node:http';
import { createConnection } from 'node:net';
import * as v from 'valibot';

const settings = v.parse(
  v.object({
    consul: v.string(),
    service: v.string(),
    socket: v.string(),
    backend: v.string(),
    slots: v.number(),
  }),
  JSON.parse(process.argv[2] ?? ''),
);
const answer = v.array(v.object({ Service: v.object({ Address: v.string(), Port: v.number() }) }));

const slotOf = new Map<string, string>();
const free = Array.from({ length: settings.slots }, (_, index) => `websrv${index + 1}`).reverse();
let index = '0';
for (;;) {
  const endpoints = new Set(await ask());
  const commands: string[] = [];
  for (const [endpoint, slot] of slotOf) {
    if (endpoints.has(endpoint)) continue;
    commands.push(`set server ${settings.backend}/${slot} state maint`);
    slotOf.delete(endpoint);
    free.unshift(slot);
  }
  for (const endpoint of endpoints) {
    const slot = slotOf.has(endpoint) ? undefined : free.pop();
    if (slot === undefined) continue;
    const [address = '', port = ''] = endpoint.split(' ');
    commands.push(`set server ${settings.backend}/${slot} addr ${address} port ${port}`);
    commands.push(`set server ${settings.backend}/${slot} state ready`);
    slotOf.set(endpoint, slot);
  }
  if (commands.length > 0) await send(commands);
}

function ask(): Promise<string[]> {
  const url = `${settings.consul}/v1/health/service/${settings.service}?passing&index=${index}&wait=60s`;
  return new Promise((resolve, reject) => {
    get(url, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => {
        index = String(response.headers['x-consul-index'] ?? '0');
        const entries = v.parse(answer, JSON.parse(body));
        resolve(entries.map(({ Service: { Address, Port } }) => `${Address} ${Port}`));
      });
    }).on('error', reject);
  });
}

/** HAProxy takes several commands in one line, with `;` between them. */
async function send(commands: readonly string[]): Promise<void> {
  // A line has room for 16 kB.
  for (let at = 0; at < commands.length; at += 100) {
    const line = commands.slice(at, at + 100).join('; ');
    await new Promise<void>((resolve, reject) => {
      const connection = createConnection(settings.socket, () => connection.write(`${line}\n`));
      connection
        .on('error', reject)
        .on('close', () => resolve())
        .resume();
    });
  }
}
