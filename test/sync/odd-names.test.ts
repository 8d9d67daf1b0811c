/** Names that JavaScript has a use for are names like any other, or are refused by `check`. */

import { expect, test } from 'vitest';
import { parseConfig } from '../../lib/config/parse-config.ts';
import { configurationKey } from '../../lib/store/keys.ts';
import { passFleet } from '../../lib/sync/pass.ts';
import type { SyncPorts } from '../../lib/sync/ports.ts';
import { fleetStatus } from '../../lib/sync/status.ts';
import { createMemoryStore } from '../bench/memory-store.ts';
import { problemsOf } from '../config/config-samples.ts';
import { entries } from './bench-fleet.ts';

/** A hitless.yml in which everything has this name. */
function named(name: string): string {
  return `store: file:x
fleets:
  ${name}:
    template: ${name}
    instances: { ${name}: tcp://127.0.0.1:1 }
    backends: { ${name}: { service: ${name}, tags: [], server: ${name} } }
`;
}

test.each([
  'toString',
  'hasOwnProperty',
  'valueOf',
  'isPrototypeOf',
  'then',
  'length',
])('%s', async (name) => {
  const source = {
    file: 'hitless.yml',
    folder: '/etc',
    readTemplate: () => `backend ${name}\n{{ backends_${name} }}\n`,
  };
  const [fleet] = parseConfig(named(name), source).fleets;
  if (fleet === undefined) throw new Error('there is no fleet');
  const ports: SyncPorts = {
    ...{ store: createMemoryStore(), now: () => 1_000_000, log: () => {} },
    readService: async (service) => ({ entries: service === name ? entries(1, 2) : [] }),
    openSession: () => Promise.reject(new Error('there is nobody')),
  };
  const pass = () => passFleet(ports, fleet, { entries: new Map(), snapshots: 'when-due' });
  expect((await pass()).publishFailure).toBeNull();
  expect((await pass()).changed).toBe(false);
  const status = await fleetStatus(ports.store, fleet);
  expect(status.backends[name]?.slots).toMatchObject({ serving: 2 });
  expect(Object.keys(status.instances)).toEqual([name]);
  expect((await ports.store.get(configurationKey(name)))?.body).toContain(`server ${name}1 127.0.1.1:8080`);
});

test.each(['constructor', 'prototype'])('%s is refused wherever it stands', (name) => {
  expect(problemsOf(named(name))).toEqual([
    `hitless.yml:3 fleets.${name}: cannot be used as a name`,
    `hitless.yml:5 fleets.${name}.instances.${name}: cannot be used as a name`,
    `hitless.yml:6 fleets.${name}.backends.${name}: cannot be used as a name`,
  ]);
});
