/**
 * Consul's bad days: the client agent beside the services leaves, dies and comes back. What Consul answers meanwhile
 * costs no request, with the guard as it is by default (the sequences were measured with 1.8.7).
 */

import { expect, test } from 'vitest';
import { type LocalConsul, startConsul } from '../../infra/local/consul.ts';
import { until } from '../../infra/local/until.ts';
import { startWebServers } from '../../infra/local/web-server.ts';
import type { HealthEntry } from '../../lib/model/service-entry.ts';
import { shownBy } from './bench-fleet.ts';
import { type ClientAgent, startClientAgent } from './client-agent.ts';
import { entriesOf, keep, registration, startDays } from './consul-days.ts';

interface SiteOptions {
  readonly leaveOnTerminate: boolean;
  readonly interval: string;
  /** 1 unless told. */
  readonly agents?: number;
}

/** Four servers with an HTTP check each, shared out among agents that are not Consul's server. */
async function startSite({ agents = 1, leaveOnTerminate, interval }: SiteOptions) {
  const servers = await startWebServers(4);
  for (const server of servers) keep(server);
  const consul = keep(await startConsul());
  const clients: ClientAgent[] = [];
  for (let n = 1; n <= agents; n += 1) {
    clients.push(keep(await startClientAgent(consul, { node: `client${n}`, leaveOnTerminate })));
  }
  const [client] = clients;
  if (client === undefined) throw new Error('no agent');
  for (const [index, server] of servers.entries()) {
    const checks = [{ http: server.url, interval }];
    await clients[index % agents]?.register(registration(server, { checks }));
  }
  const days = await startDays(consul);
  await days.arrived(4);
  return { consul, client, days, before: await shownBy(days.haproxy), following: days.follow() };
}

/** An agent that leaves may register its services once more on its way out, without the node's own check. */
async function memberAgain(consul: LocalConsul): Promise<void> {
  const told = async () => JSON.stringify(await consul.health('my-cluster'));
  await until(async () => (await told()).split('"serfHealth"').length === 5, {
    what: 'the agent to be a member again',
    within: 60_000,
  });
}

async function passing(consul: LocalConsul, count: number): Promise<void> {
  await until(async () => (await entriesOf(consul)).filter(isPassing).length === count, {
    what: `Consul to have ${count} passing`,
    within: 60_000,
  });
}

function isPassing({ status }: HealthEntry): boolean {
  return status === 'passing';
}

test('an agent leaves, and later dies: its services vanish, later are critical, and come back', async () => {
  const { consul, client, days, before, following } = await startSite({
    leaveOnTerminate: true,
    interval: '1s',
  });
  // `[]`, perhaps everything again before it is gone, and a part when it is back (measured).
  await client.terminate();
  await following.passes(3);
  await client.start();
  await following.settled(4);
  await memberAgain(consul);

  await client.kill();
  await passing(consul, 0);
  await following.passes(3);
  await client.start();
  await following.settled(4);
  await following.stop();
  // A part that no empty answer came before is what the guard is for: half stays.
  expect(following.seen.fewest).toBeGreaterThanOrEqual(2);
  expect(following.seen).toMatchObject({ withheld: 4, failures: 0 });
  expect(following.load.failures).toEqual([]);
  expect(await shownBy(days.haproxy)).toEqual(before);
}, 300_000);

test('an agent that does not leave gets a SIGTERM: its services are critical until it is back', async () => {
  const { consul, client, days, before, following } = await startSite({
    leaveOnTerminate: false,
    interval: '1s',
  });
  await client.terminate();
  await passing(consul, 0);
  await following.passes(3);
  await client.start();
  await following.settled(4);
  await following.stop();
  expect(following.seen).toMatchObject({ fewest: 4, withheld: 4, failures: 0 });
  expect(following.load.failures).toEqual([]);
  expect(await shownBy(days.haproxy)).toEqual(before);
}, 180_000);

test.each([
  { signal: 'SIGKILL', end: 'kill' },
  { signal: 'SIGTERM', end: 'terminate' },
] as const)('an agent gets a $signal and is back at once: its checks are critical until they have run', async ({
  end,
}) => {
  // Each check runs first somewhere in these ten seconds, so they pass one after the other.
  const { client, days, before, following } = await startSite({ leaveOnTerminate: false, interval: '10s' });
  await client[end]();
  await client.start();
  await until(() => following.seen.withheld > 0, { what: 'a check to be critical', within: 60_000 });
  await following.settled(4);
  await following.stop();
  expect(following.seen).toMatchObject({ fewest: 4, failures: 0 });
  expect(following.load.failures).toEqual([]);
  expect(await shownBy(days.haproxy)).toEqual(before);
}, 180_000);

test('one of two agents leaves, and later dies: no more than half of the servers goes, and all come back', async () => {
  const { consul, client, days, before, following } = await startSite({
    agents: 2,
    leaveOnTerminate: true,
    interval: '1s',
  });
  await client.terminate();
  await following.passes(3);
  await client.start();
  await memberAgain(consul);
  await following.settled(4);

  await client.kill();
  await passing(consul, 2);
  await following.passes(3);
  await client.start();
  await following.settled(4);
  await following.stop();
  // They arrived within one `hold`, and half of those who served at each moment of it stays: so two or three.
  expect([2, 3]).toContain(following.seen.fewest);
  expect(following.seen.failures).toBe(0);
  expect(following.load.failures).toEqual([]);
  expect(await shownBy(days.haproxy)).toEqual(before);
}, 300_000);
