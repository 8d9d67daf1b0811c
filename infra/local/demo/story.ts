/** What happens in the demo, step by step. */

import type { ServiceRegistration } from '../consul-types.ts';
import { SERVICE } from '../system/configuration.ts';
import type { LocalInstance } from '../system.ts';
import { until } from '../until.ts';
import type { WebServer } from '../web-server.ts';
import { cookieOf, servedWithCookie } from './cookie.ts';
import type { Host } from './host.ts';
import { fact, tell, tellResult, title } from './narration.ts';
import { firstDifference, pidOf, serversOf } from './slots.ts';
import { statusText, withheldSlots } from './status.ts';
import { runStep, type Stage, type StepPlan, type StepResult } from './step.ts';

export interface Story {
  readonly stage: Stage;
  /** Twelve. */
  readonly webServers: readonly WebServer[];
  readonly hosts: ReadonlyMap<LocalInstance, Host>;
  /** Told about every step that came to its end. */
  readonly onResult: (result: StepResult) => void;
}

/** @throws Error at the first thing that does not happen at all. */
export async function tellStory(story: Story): Promise<void> {
  const { webServers } = story;
  const [first, further] = [webServers.slice(0, 3), webServers.slice(3, 10)];
  const [stay, leave] = [webServers.slice(0, 4), webServers.slice(4, 10)];
  const [victim, ...survivors] = stay;
  const newcomer = webServers[10];
  if (victim === undefined || newcomer === undefined) throw new RangeError('too few web servers');

  await grow(story, '0 → 3', first, 'Three web servers come up');
  await grow(story, '3 → 10', further, 'Seven more come up');
  await sameCookieEverywhere(story);
  await shrink(story, leave);
  await killWebServer(story, victim);
  await killHaproxy(story, survivors, newcomer);
  await emptyService(story, [...survivors, newcomer]);
}

async function run({ stage, onResult }: Story, plan: StepPlan): Promise<StepResult> {
  const result = await runStep(stage, plan);
  tellResult(result);
  onResult(result);
  return result;
}

async function grow(story: Story, name: string, comes: readonly WebServer[], what: string): Promise<void> {
  title(`${what}: ${name} endpoints`);
  tell(`Consul's API registers ${names(comes)}.`);
  const { consul } = story.stage.system;
  const act = () => Promise.all(comes.map((server) => consul.register(registration(server))));
  await run(story, { name, comes, act });
}

async function sameCookieEverywhere({ stage }: Story): Promise<void> {
  const [first, ...others] = stage.system.instances;
  if (first === undefined) return;
  const { cookie, server } = await cookieOf(first.haproxy.url);
  const elsewhere = await Promise.all(others.map(({ haproxy }) => servedWithCookie(haproxy.url, cookie)));
  const strange = elsewhere.find((other) => other !== server);
  fact(
    `cookie ${cookie} of ${first.name}`,
    `${server}, also through ${others.map(({ name }) => name).join(', ')}`,
  );
  stage.claims.add(
    '3 → 10',
    'a cookie means the same server on every load balancer',
    strange === undefined ? null : `${server} on ${first.name}, ${strange} elsewhere`,
  );
}

async function shrink(story: Story, goes: readonly WebServer[]): Promise<void> {
  title('Six are deregistered: 10 → 4 endpoints');
  tell(
    `Consul's API deregisters ${names(goes)}. They drain for a second before their slots are free again.`,
    'Six of ten may go at once because `keep` is 25 %; with the default of 50 % the sixth would be withheld.',
  );
  const { consul } = story.stage.system;
  const act = () => Promise.all(goes.map(({ name }) => consul.deregister(name)));
  await run(story, { name: '10 → 4', goes, act });
}

async function killWebServer(story: Story, victim: WebServer): Promise<void> {
  title('A web server dies: 4 → 3 endpoints');
  tell(
    `${victim.name} is killed under traffic. HAProxy tries its requests again on another server, until Consul's own`,
    'check (once a second) finds it critical: then its slot leaves at once.',
  );
  await run(story, { name: 'web server killed', goes: [victim], act: () => victim.kill() });
}

async function killHaproxy(
  story: Story,
  survivors: readonly WebServer[],
  newcomer: WebServer,
): Promise<void> {
  const { stage, hosts } = story;
  const { system, traffic, activity, claims, pids } = stage;
  const victim = system.instances[1];
  const host = victim && hosts.get(victim);
  if (victim === undefined || host === undefined) throw new RangeError('too few instances');
  const name = 'HAProxy killed';
  const serving = [...survivors, newcomer];
  title(`${victim.name} is killed; meanwhile a web server comes up: 3 → 4 endpoints`);
  tell(
    `The clients of ${victim.name} pause while it is down (its clients would be without it, whatever changed it);`,
    `those of the others go on. ${newcomer.name} is registered while ${victim.name} is away.`,
  );
  await traffic.pause(victim.name);
  await victim.haproxy.kill();
  const mark = activity.mark();
  const act = () => system.consul.register(registration(newcomer));
  await run(story, { name, comes: [newcomer], down: [victim], act });
  const reason = activity.laggingSince(mark).find(({ instance }) => instance === victim.name)?.reason;
  fact(`${victim.name}, in its report`, reason ?? 'nothing');
  claims.add(name, 'the dead instance is named with its reason', reason === undefined ? 'it is not' : null);

  title(`${victim.name} starts again, from the file that its host pulled`);
  tell(await host.pull());
  const restarted = activity.mark();
  await run(story, {
    name: 'HAProxy restarted',
    stays: serving,
    act: async () => {
      await victim.haproxy.restart();
      pids.set(victim.name, await pidOf(victim.haproxy));
      claims.add(
        name,
        'started from the pulled file it has the slots of the others',
        await unlike(stage, victim),
      );
      traffic.resume(victim.name);
      await until(() => activity.appliedSince(restarted, victim.name), {
        what: `a pass over ${victim.name}`,
      });
    },
  });
  const sent = activity.commandsSince(restarted).get(victim.name) ?? 0;
  claims.add(name, 'no command was needed after its start', sent === 0 ? null : `${sent} were sent`);
}

/** How an instance's slots differ from those of another one; null: not at all. */
async function unlike({ system }: Stage, instance: LocalInstance): Promise<string | null> {
  const other = system.instances.find((one) => one !== instance);
  if (other === undefined) return null;
  return firstDifference(await serversOf(other.haproxy), await serversOf(instance.haproxy));
}

async function emptyService(story: Story, serving: readonly WebServer[]): Promise<void> {
  const { stage } = story;
  const { system, claims, activity } = stage;
  const name = 'service emptied';
  title('Consul loses the service: 4 → 0 endpoints');
  tell(
    'One call takes the whole node out of the catalog, so Consul answers [] for the service, as it does after some',
    'of its restarts. No answer without endpoints empties a backend: nothing changes, and the status says why.',
  );
  const before = await Promise.all(system.instances.map(({ haproxy }) => serversOf(haproxy)));
  const mark = activity.mark();
  await run(story, {
    name,
    stays: serving,
    act: async () => {
      await system.consul.request('PUT', '/v1/catalog/deregister', { Node: 'local' });
      await until(async () => (await withheldSlots(system)).length === serving.length, {
        what: `${serving.length} withheld changes in \`hitless status\``,
      });
    },
  });
  const entries = await system.consul.health(SERVICE);
  claims.add(name, 'Consul had no endpoint', entries.length === 0 ? null : `it had ${entries.length}`);
  const after = await Promise.all(system.instances.map(({ haproxy }) => serversOf(haproxy)));
  const changed = system.instances.map((_, index) =>
    firstDifference(before[index] ?? [], after[index] ?? []),
  );
  claims.add(name, 'nothing changed', changed.find((difference) => difference !== null) ?? null);
  const sent = [...activity.commandsSince(mark).values()].reduce((sum, count) => sum + count, 0);
  claims.add(name, 'no command was sent', sent === 0 ? null : `${sent} were sent`);
  tell(await statusText(system));

  title('Consul comes back to its senses: 4 endpoints');
  await run(story, {
    name: 'service back',
    stays: serving,
    act: async () => {
      const back = { meta: { again: 'yes' } };
      await Promise.all(
        serving.map((server) => system.consul.register({ ...registration(server), ...back })),
      );
      await until(async () => (await withheldSlots(system)).length === 0, {
        what: 'no withheld change in `hitless status`',
      });
    },
  });
}

function registration({ name, address, port, url }: WebServer): ServiceRegistration {
  const checks = [{ http: url, interval: '1s', status: 'passing' }] as const;
  return { id: name, name: SERVICE, address, port, checks };
}

function names(servers: readonly WebServer[]): string {
  const all = servers.map(({ name }) => name);
  return all.length > 2 ? `${all[0]} … ${all.at(-1)}` : all.join(' and ');
}
