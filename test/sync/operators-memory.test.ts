/** What a report remembers about an operator's hand. All of these were found by the simulation. */

import pLimit from 'p-limit';
import { expect, test } from 'vitest';
import type { AdminState } from '../../lib/model/admin-state.ts';
import type { BackendPolicy, Fleet } from '../../lib/model/fleet.ts';
import type { SlotTable } from '../../lib/model/slot-table.ts';
import { InstanceUnreachable, SessionLost } from '../../lib/runtime-api/errors.ts';
import type { RuntimeSession } from '../../lib/runtime-api/runtime-session.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { applyToShard } from '../../lib/sync/apply-shard.ts';
import { momentNow } from '../../lib/sync/moment.ts';
import { recallShard, shardOf } from '../../lib/sync/shard-reports.ts';

const instance = { name: 'lb1', address: { scheme: 'tcp', host: 'lb1', port: 9999 } } as const;

const policy: BackendPolicy = {
  backend: 'be',
  service: 'web',
  tags: [],
  include: ['passing'],
  weights: false,
  server: 'srv',
  slots: 1,
  spare: 0,
  options: 'check',
  placeholder: { address: '0.0.0.0', port: 80 },
  drainMs: 0,
  keep: 0,
  holdMs: 0,
  allowEmpty: false,
};

const fleet: Fleet = {
  name: 'edge',
  instances: [instance],
  tls: {},
  instancesFrom: null,
  snapshotEveryMs: 0,
  reportEveryMs: 0,
  shard: 50,
  timeoutMs: 1_000,
  template: null,
  backends: [policy],
};

/** Endpoint 10.0.0.N serves in slot N. */
function tableOf(servers: number): SlotTable {
  const slots = Array.from({ length: servers }, (_, index) => ({
    state: 'serving' as const,
    ...{ address: `10.0.0.${index + 1}`, port: 80, weight: null, sinceMs: 1, withheld: null },
  }));
  const backend = { service: 'web', server: 'srv', slots, departures: [], refused: [] };
  return { version: 1, fleet: 'edge', generation: 1, configuration: null, backends: { be: backend } };
}

/** An instance with so many servers, and a store in memory. */
function bench(servers = 1) {
  const objects = new Map<string, string>();
  const store: ObjectStore = {
    get: async (key) => {
      const body = objects.get(key);
      return body === undefined ? null : { body, etag: '' };
    },
    put: async (key, body) => void objects.set(key, body),
    putIf: async (key, body) => {
      objects.set(key, body);
      return { etag: '' };
    },
  };
  const lb = {
    pid: 1,
    startedAtSeconds: 100,
    admin: Array.from({ length: servers }, (): AdminState => 'ready'),
    condition: 'well' as 'well' | 'away' | 'drops',
  };
  const session: RuntimeSession = {
    async send(commands) {
      if (lb.condition === 'drops') throw new SessionLost('lb1', 'it closed the connection', 1);
      for (const command of commands) {
        if (command.kind === 'set-state') lb.admin[Number(command.server.slice(3)) - 1] = command.state;
      }
      return commands.map(() => ({ done: true }));
    },
    readServers: async () => ({ raw: '', servers: lb.admin.map(shown) }),
    readInfo: async () => ({
      ...{ version: '3.0.11', pid: lb.pid, uptimeSeconds: 1 },
      startedAtSeconds: lb.startedAtSeconds,
    }),
    readLevel: async () => 'admin',
    readSessions: async () => new Map(),
    readBackends: async () => new Map(),
    readUsedConnections: async () => new Map(),
    close: async () => {},
  };
  const shown = (admin: AdminState, index: number) => ({
    backend: 'be',
    server: `srv${index + 1}`,
    address: `10.0.0.${index + 1}`,
    port: 80,
    id: index + 1,
    forcedId: false,
    healthCheck: 'enabled' as const,
    agentCheck: 'none' as const,
    ssl: false,
    admin,
    adminMask: { ready: 0, drain: 8, maint: 1 }[admin],
    operational: 'running' as const,
    weight: 1,
    configuredWeight: 1,
  });
  const openSession = async () => {
    if (lb.condition === 'away') throw new InstanceUnreachable('lb1', 'no answer');
    return session;
  };
  const ports = {
    store,
    openSession,
    now: () => 1,
    log: () => {},
    readService: async () => ({ entries: [] }),
  };
  const table = tableOf(servers);
  const pass = async () => {
    const options = { snapshots: 'when-due' } as const;
    const shard = shardOf(fleet, 0);
    const recalled = { shard, recalling: recallShard(ports, shard) };
    return (await applyToShard(ports, { table, at: momentNow(ports.now) }, recalled, pLimit(1), options))[0]
      ?.report;
  };
  return { lb, pass };
}

test('a hold that its operator ended is not restored on the same process after nobody could reach it', async () => {
  const { lb, pass } = bench();
  await pass();
  lb.admin = ['drain'];
  await pass();
  lb.condition = 'away';
  await pass();
  Object.assign(lb, { condition: 'well', admin: ['ready'] });

  expect(await pass()).toMatchObject({ converged: true, operatorHeld: [] });
  expect(lb.admin).toEqual(['ready']);
});

test('the only server, held on a process that is gone, is held on the next one', async () => {
  const { lb, pass } = bench();
  await pass();
  lb.admin = ['maint'];
  await pass();
  Object.assign(lb, { pid: 2, admin: ['ready'] });

  expect(await pass()).toMatchObject({ converged: true, operatorHeld: [{ slot: 'srv1', state: 'maint' }] });
  expect(lb.admin).toEqual(['maint']);
});

test('a hold that could not be restored is restored by a later pass', async () => {
  const { lb, pass } = bench();
  await pass();
  lb.admin = ['drain'];
  await pass();
  Object.assign(lb, { pid: 2, admin: ['ready'], condition: 'drops' });
  await pass();
  lb.condition = 'well';

  expect(await pass()).toMatchObject({ operatorHeld: [{ slot: 'srv1', state: 'drain' }] });
  expect(lb.admin).toEqual(['drain']);
});

test('a hold that waits to be restored does not bind a server that was put back on the present process', async () => {
  const { lb, pass } = bench(2);
  await pass();
  lb.admin[0] = 'drain';
  await pass();
  // The new process has forgotten the first hold, and its operator makes a second one before it can be restored.
  Object.assign(lb, { pid: 2, admin: ['ready', 'drain'], condition: 'drops' });
  await pass();
  Object.assign(lb, { admin: ['ready', 'ready'], condition: 'well' });

  expect((await pass())?.operatorHeld.map(({ slot }) => slot)).toEqual(['srv1']);
  expect(lb.admin).toEqual(['drain', 'ready']);
});

test('in a container, where every process is pid 1, a hold is restored after a restart', async () => {
  const { lb, pass } = bench(2);
  await pass();
  lb.admin[0] = 'drain';
  await pass();
  Object.assign(lb, { startedAtSeconds: 200, admin: ['ready', 'ready'] });

  expect((await pass())?.operatorHeld.map(({ slot }) => slot)).toEqual(['srv1']);
  expect(lb.admin).toEqual(['drain', 'ready']);
});
