/** Follows Consul for all fleets of one hitless.yml, with the passes, the store and the turns of everybody else. */

import pLimit from 'p-limit';
import type { ConsulReader } from '../consul/consul-reader.ts';
import { followService } from '../consul/follow-service.ts';
import type { Fleet } from '../model/fleet.ts';
import { LARGEST_ANSWER_BYTES } from '../model/limits.ts';
import type { SyncPorts } from '../sync/ports.ts';
import { createAlarm, sleepUntil } from './alarm.ts';
import { type Ending, followFleet, type PassesTold } from './follow-fleet.ts';
import { freshReadings } from './fresh-readings.ts';
import { watchSockets } from './watch-sockets.ts';

/**
 * Questions that are open at the same time. Consul's agent allows 200 connections from one address
 * (`http_max_conns_per_client`, measured on 1.8.7) and closes further ones without a word; others need some, too.
 */
export const MOST_OPEN = 100;
/** How long a question stays open; where there are more services than questions, they take turns. */
const OPEN_MS = { each: 60_000, inTurns: 2_000 };
/** The first passes wait so long for the first answers, so that what happens between both is heard of. */
const FIRST_ANSWERS_MS = 2_000;

export interface FollowTold extends PassesTold {
  /** Each time; the passes read Consul themselves, and tell what they could not. */
  readonly onConsul: (service: string, error: unknown | null) => void;
}

/**
 * @param questions asks with `MOST_OPEN` connections of its own, so that no pass waits for one.
 * @returns when it is to end and everything that was under way has ended. Throws nothing.
 */
export async function follow(
  ports: SyncPorts,
  questions: ConsulReader,
  fleets: readonly Fleet[],
  told: FollowTold,
  ending: Ending,
): Promise<void> {
  const either = AbortSignal.any([ending.retire, ending.stop]);
  const followed = fleets.map((fleet) => ({
    fleet,
    services: new Set(servicesOf(fleet)),
    alarm: createAlarm(),
    fresh: freshReadings(ports.readService, () => performance.now()),
  }));
  const services = new Set(followed.flatMap((one) => [...one.services]));
  const limit = pLimit(MOST_OPEN);
  const waitMs = services.size > MOST_OPEN ? OPEN_MS.inTurns : OPEN_MS.each;
  const first: Promise<void>[] = [];
  const following = [...services].map((service) => {
    const own = followed.filter((one) => one.services.has(service));
    const mostBytes = Math.max(...own.map(({ fleet }) => answerBytes(fleet)));
    const answered = Promise.withResolvers<void>();
    first.push(answered.promise);
    const followPorts = {
      ask: (_: string, index: string | null, signal: AbortSignal) =>
        limit(() =>
          questions.readService(service, {
            ...{ signal, mostBytes },
            after: index === null ? undefined : { index, waitMs },
          }),
        ),
      ...{ sleep: sleepUntil, random: Math.random, steadyMs: () => performance.now() },
    };
    const heard = {
      onReading: (reading: Awaited<ReturnType<ConsulReader['readService']>>) => {
        for (const { fleet, fresh, alarm } of own) {
          if (answerBytes(fleet) === mostBytes) fresh.heard(service, reading);
          alarm.wake(ports.now());
        }
        told.onConsul(service, null);
        answered.resolve();
      },
      onFailure: (error: unknown) => {
        told.onConsul(service, error);
        answered.resolve();
      },
    };
    return followService(followPorts, service, heard, either);
  });
  await Promise.race([Promise.all(first), sleepUntil(FIRST_ANSWERS_MS, either)]);
  const passing = followed.map(({ fleet, alarm, fresh }) => {
    // What was heard so far is no change: a pass that comes anyway begins now.
    alarm.take();
    return followFleet({ ...ports, readService: fresh.readService }, fleet, alarm, told, ending);
  });
  const watching = followed.map(({ fleet, alarm }) =>
    watchSockets(socketsOf(fleet), () => alarm.wake(ports.now()), either),
  );
  await Promise.all([...passing, ...following, ...watching]);
}

/** The services of the backends, and what the load balancers register themselves as. */
function servicesOf({ backends, instancesFrom }: Fleet): string[] {
  const own = backends.map(({ service }) => service);
  return instancesFrom === null ? own : [...own, instancesFrom.service];
}

function socketsOf({ instances }: Fleet): string[] {
  return instances.flatMap(({ address }) => (address.scheme === 'unix' ? [address.path] : []));
}

function answerBytes({ answerBytes: own }: Fleet): number {
  return own ?? LARGEST_ANSWER_BYTES;
}
