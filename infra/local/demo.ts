/**
 * `npm run demo`: what Hitless does, shown with real servers under traffic.
 *
 * Exit code 0 only when everything that it says was observed.
 */

import { createActivity } from './demo/activity.ts';
import { createClaims } from './demo/claims.ts';
import { createHost } from './demo/host.ts';
import { tell, title } from './demo/narration.ts';
import { pidOf } from './demo/slots.ts';
import type { StepResult } from './demo/step.ts';
import { tellStory } from './demo/story.ts';
import { summaryTable, verdict } from './demo/summary.ts';
import { startTraffic } from './demo/traffic.ts';
import { stopOnSignal } from './stop-on-signal.ts';
import { PartFailed } from './system/parts.ts';
import { startSystem } from './system.ts';
import { startWebServers } from './web-server.ts';

const DEADLINE_MS = 150_000;
const WEB_SERVERS = 12;
const CLIENTS_EACH = 4;
const EVERY_MS = 50;

async function main(): Promise<boolean> {
  const startedMs = performance.now();
  const claims = createClaims();
  const activity = createActivity();
  const results: StepResult[] = [];

  title('Hitless: load balancers that follow Consul without a reload');
  tell('Starting Consul, three HAProxies, SQS, S3, the functions and a dozen web servers …');
  const system = await startSystem({
    haproxies: 3,
    reconcileEveryMs: 1_000,
    backend: { slots: 20, drain: '1s', keep: '25%', hold: '3s' },
    onEvent: activity.note,
  });
  const webServers = await startWebServers(WEB_SERVERS);
  const hosts = new Map(system.instances.map((instance) => [instance, createHost(system, instance)]));
  for (const host of hosts.values()) await host.pull();
  const pids = new Map<string, number>();
  for (const { name, haproxy } of system.instances) pids.set(name, await pidOf(haproxy));

  const frontends = Object.fromEntries(system.instances.map(({ name, haproxy }) => [name, haproxy.url]));
  const traffic = startTraffic({ frontends, clientsEach: CLIENTS_EACH, everyMs: EVERY_MS });
  tell(
    ...system.instances.map(({ name, address }) => `${name}  Runtime API ${address}`),
    `${CLIENTS_EACH} clients at each, ${(1000 / EVERY_MS) * CLIENTS_EACH} requests a second, all the time.`,
    'hitless.yml has drain: 1s, keep: 25%, hold: 3s, so that things happen while you watch (the defaults are 30s, 50%,',
    '60s); the reconcile runs every second (on AWS every minute).',
  );

  try {
    const stage = { system, traffic, activity, claims, pids };
    await tellStory({ stage, webServers, hosts, onResult: (result) => results.push(result) });
    for (const [{ name }, host] of hosts) {
      await host.pull();
      const reloads = host.reloads();
      claims.add(
        'all',
        `hitless-pull reloaded nobody on ${name}'s host`,
        reloads === 0 ? null : `${reloads} times`,
      );
    }
  } catch (error) {
    claims.add('the story', 'it came to its end', error instanceof Error ? error.message : String(error));
    title('Something did not happen');
    for (const { instance, reason } of activity.laggingSince(0).slice(-system.instances.length)) {
      tell(`${instance} lagged: ${reason}`);
    }
    for (const text of activity.errorsSince(0)) tell(`a function said: ${text}`);
  }
  await traffic.stop();
  await system.stop();
  for (const host of hosts.values()) host.remove();
  await Promise.all(webServers.map((server) => server.stop()));

  title('Summary');
  console.log(summaryTable(results));
  console.log(verdict(claims.all, (performance.now() - startedMs) / 1000));
  return claims.all.every(({ observed }) => observed);
}

stopOnSignal();
// What hangs must not hang for ever; the clean-ups of at-exit.ts stop every server.
setTimeout(() => {
  console.error(`npm run demo: it was not done within ${DEADLINE_MS / 1000} s`);
  process.exit(1);
}, DEADLINE_MS).unref();

try {
  process.exit((await main()) ? 0 : 1);
} catch (error) {
  console.error(error instanceof PartFailed ? `npm run demo: ${error.message}` : error);
  process.exit(1);
}
