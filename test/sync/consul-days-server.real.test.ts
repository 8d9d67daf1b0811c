/**
 * Consul's bad days: its server is restarted or loses its data. What it answers meanwhile costs no server and no
 * request, with the guard as it is by default (the sequences were measured with 1.8.7).
 */

import { expect, test } from 'vitest';
import { startConsul } from '../../infra/local/consul.ts';
import { startWebServers } from '../../infra/local/web-server.ts';
import { shownBy } from './bench-fleet.ts';
import { isWithheld, keep, registration, startDays } from './consul-days.ts';

test('data wiped: no answer, then `[]`, then a part, then everything', async () => {
  const servers = await startWebServers(6);
  for (const server of servers) keep(server);
  const first = keep(await startConsul({ services: servers.map((server) => registration(server)) }));
  const days = await startDays(first);
  await days.arrived(6);
  const before = await shownBy(days.haproxy);
  const following = days.follow();
  await first.kill();
  await following.passes(3);
  days.source.consul = keep(await startConsul());
  await following.passes(3);
  expect((await days.slots()).filter(isWithheld)).toHaveLength(6);
  for (const server of servers) {
    await days.source.consul.register(registration(server));
    await following.passes(3);
  }
  await following.settled(6);
  await following.stop();
  expect(following.seen).toMatchObject({ fewest: 6, withheld: 6 });
  expect(following.seen.failures).toBeGreaterThan(0);
  expect(following.load.failures).toEqual([]);
  expect(await shownBy(days.haproxy)).toEqual(before);
}, 120_000);

test.each([
  { what: 'a server that keeps its data', durable: true },
  { what: 'a server whose data begin anew', durable: false },
])('$what gets a SIGKILL, then a SIGTERM: its checks are critical until they have run', async ({
  durable,
}) => {
  const servers = await startWebServers(4);
  for (const server of servers) keep(server);
  // Each check runs first somewhere in these ten seconds, so they pass one after the other.
  const checks = (url: string) => ({ checks: [{ http: url, interval: '10s' }] });
  const services = servers.map((server) => registration(server, checks(server.url)));
  const consul = keep(await startConsul({ durable, services }));
  const days = await startDays(consul);
  await days.arrived(4);
  const before = await shownBy(days.haproxy);
  const following = days.follow();

  await consul.kill();
  await following.passes(2);
  await consul.restart();
  await following.passes(2);
  await following.settled(4);
  await consul.restart();
  await following.passes(2);
  await following.settled(4);
  await following.stop();
  expect(following.seen.fewest).toBe(4);
  expect(following.seen.withheld).toBeGreaterThan(0);
  expect(following.load.failures).toEqual([]);
  expect(await shownBy(days.haproxy)).toEqual(before);
}, 180_000);
