/**
 * Consul's bad days: the client agent beside the services leaves, dies and comes back. What Consul answers meanwhile
 * costs no request, with the guard as it is by default (the sequences were measured with 1.8.7).
 */

import { expect, test } from 'vitest';
import { type LocalConsul, startConsul } from '../../infra/local/consul.ts';
import { until } from '../../infra/local/until.ts';
import { startWebServers } from '../../infra/local/web-server.ts';
import { shownBy } from './bench-fleet.ts';
import { startClientAgent } from './client-agent.ts';
import { entriesOf, keep, registration, startDays } from './consul-days.ts';

/** Four servers with an HTTP check each, whose agent is not Consul's server. */
async function startSite(options: { readonly leaveOnTerminate: boolean; readonly interval: string }) {
  const servers = await startWebServers(4);
  for (const server of servers) keep(server);
  const consul = keep(await startConsul());
  const client = keep(await startClientAgent(consul, { node: 'client1', ...options }));
  for (const server of servers) {
    await client.register(
      registration(server, { checks: [{ http: server.url, interval: options.interval }] }),
    );
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

async function nobodyPassing(consul: LocalConsul): Promise<void> {
  await until(async () => (await entriesOf(consul)).every(({ status }) => status !== 'passing'), {
    what: 'Consul to notice',
    within: 60_000,
  });
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
  await nobodyPassing(consul);
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
  await nobodyPassing(consul);
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
