/** Departures and arrivals as a real Consul tells them, with a real HAProxy and traffic. */

import { expect, test } from 'vitest';
import { startConsul } from '../../infra/local/consul.ts';
import { until } from '../../infra/local/until.ts';
import { startWebServer, startWebServers } from '../../infra/local/web-server.ts';
import { shownBy } from './bench-fleet.ts';
import { isWithheld, keep, registration, SERVICE, startDays } from './consul-days.ts';

test('maintenance of a service, then of its node: drained, kept where nobody else is left, and back', async () => {
  // In the order in which they get their slots.
  const servers = (await startWebServers(3)).sort((one, other) => one.port - other.port);
  for (const server of servers) keep(server);
  const consul = keep(await startConsul({ services: servers.map((server) => registration(server)) }));
  const days = await startDays(consul, { keep: 0, drainMs: 60_000 });
  await days.arrived(3);
  const before = await shownBy(days.haproxy);
  const following = days.follow();
  const states = async () => (await days.slots()).slice(0, 3).map(({ state }) => state);
  const become = (...wanted: string[]) =>
    until(async () => JSON.stringify(await states()) === JSON.stringify(wanted), { what: wanted.join(', ') });

  const second = servers[1]?.name ?? '';
  await consul.setMaintenance(second, true, 'new disk');
  await become('serving', 'draining', 'serving');
  await following.passes(2);
  await following.load.settled();
  const asked = servers[1]?.requests;
  await following.passes(3);
  expect(servers[1]?.requests).toBe(asked);
  await consul.setMaintenance(second, false);
  await become('serving', 'serving', 'serving');

  await consul.request('PUT', '/v1/agent/maintenance?enable=true&reason=reboot');
  await until(async () => (await days.slots()).every((slot, n) => n > 2 || isWithheld(slot)), {
    what: 'the node maintenance to be withheld, for there is no other node',
  });
  await following.passes(3);
  await consul.request('PUT', '/v1/agent/maintenance?enable=false');
  await following.settled(3);
  await following.stop();
  expect(following.load.failures).toEqual([]);
  expect(await shownBy(days.haproxy)).toEqual(before);
});

test('arrivals: weights, warnings, IPv6, the node’s own address, and two registrations of one place', async () => {
  const consul = keep(await startConsul());
  const { bench, haproxy } = await startDays(consul, { include: ['passing', 'warning'] });
  const v6 = keep(await startWebServer({ name: 'v6', address: '::1' }));
  const v4 = keep(await startWebServer({ name: 'v4' }));
  const weights = { passing: 20, warning: 5 };
  const ttl = (status: 'passing' | 'warning' | 'critical') => ({ checks: [{ ttl: '10m', status }] });
  await consul.register(registration(v6, { address: '0:0::0001', weights }));
  await consul.register({ id: 'v4', name: SERVICE, port: v4.port, weights, ...ttl('warning') });
  await consul.register(
    registration(v4, { id: 'twin', weights: { passing: 7, warning: 7 }, ...ttl('critical') }),
  );
  await consul.register({ id: 'bad', name: SERVICE, address: '127.0.0.9', port: 9, ...ttl('critical') });
  await until(async () => (await consul.health(SERVICE)).length === 4, { what: 'the catalog' });
  const { applied } = await bench.pass();
  expect(applied[0]?.report.reason).toBeNull();
  const inRotation = (await shownBy(haproxy)).filter((line) => line.includes(' ready '));
  expect(inRotation.sort()).toEqual(
    [`websrv1 127.0.0.1:${v4.port} ready 5`, `websrv2 ::1:${v6.port} ready 20`].sort(),
  );
  const answers = new Set<string>();
  for (let count = 0; count < 12; count += 1) answers.add(await (await fetch(haproxy.url)).text());
  expect(answers).toEqual(new Set(['v4\n', 'v6\n']));
  await consul.setCheck('service:v4', 'passing');
  await consul.deregister('twin');
  await until(async () => (await consul.health(SERVICE)).length === 3, { what: 'the catalog' });
  await bench.pass();
  expect((await shownBy(haproxy)).filter((line) => line.includes(' ready ')).sort()).toEqual(
    [`websrv1 127.0.0.1:${v4.port} ready 20`, `websrv2 ::1:${v6.port} ready 20`].sort(),
  );
});
