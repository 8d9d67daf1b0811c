/**
 * What may happen to a fleet between two passes. Each one is about the same endpoint as the others where it can be. `no
 * news` is what a second watch, or a reconcile, comes for.
 */

import { configurationKey } from '../../../lib/store/keys.ts';
import { BACKEND } from './host.ts';
import { isVerified } from './stored.ts';
import { STARTS } from './trace.ts';
import { type Course, DRAIN_MS, register, serverAt, type Word, type World } from './world.ts';

export const EVENTS = [
  ...['arrival', 'departure', 'address change', 'weight', 'end of a drain', 'flap', 'restart'],
  ...['drain by hand', 'maint by hand', 'ready by hand', 'no news'],
] as const;
export type EventName = string;

/**
 * Has it happen. What a flap begins, the function that is returned ends; undefined: there is no second half.
 */
export async function happen(
  world: World,
  course: Course,
  event: EventName,
): Promise<(() => void) | undefined> {
  const { registered } = course;
  const id = registered.has('subject') ? 'subject' : 'third';
  const present = registered.get(id);
  const set = (
    name: string,
    differs: Partial<{ tenant: string; weight: number; status: 'passing' | 'critical' }>,
  ) => {
    const before = registered.get(name) ?? { tenant: name, weight: 1, status: 'passing' as const };
    register(course, name, { ...before, ...differs }, world.keyOf);
  };
  switch (event) {
    case 'arrival':
      set(registered.has('subject') ? 'newcomer' : 'subject', {});
      return;
    case 'departure':
      registered.delete(id);
      course.holds.delete(world.keyOf(present?.tenant ?? id));
      return;
    case 'address change':
      course.holds.delete(world.keyOf(present?.tenant ?? id));
      set(id, { tenant: present?.tenant === id ? 'moved' : id });
      return;
    case 'weight':
      set(id, { weight: (present?.weight ?? 1) + 2 });
      return;
    case 'end of a drain':
      course.laterMs += DRAIN_MS + 1;
      return;
    case 'flap':
      set(id, { status: 'critical' });
      return () => set(id, { status: 'passing' });
    case 'restart':
      await restart(world, course);
      return;
    case 'drain by hand':
      await say(world, course, present?.tenant ?? id, 'drain');
      return;
    case 'maint by hand':
      await say(world, course, present?.tenant ?? id, 'maint');
      return;
    case 'ready by hand':
      await say(world, course, heldTenant(world, course, present?.tenant ?? id), 'ready');
      return;
    case 'no news':
      return;
    default:
      throw new Error(`there is no event ${event}`);
  }
}

async function restart({ host }: World, course: Course): Promise<void> {
  const file = course.store.read(configurationKey(course.fleet.name));
  await course.traffic.without(() => host.restart(file));
  course.trace.add('haproxy', STARTS);
}

/** The subject, if somebody holds it; else the one that is held from the beginning. */
function heldTenant(world: World, course: Course, subject: string): string {
  return course.holds.has(world.keyOf(subject)) ? subject : 'held';
}

/**
 * An operator who acts looks at HAProxy: whoever is not there is not acted on, and nobody says what is so already.
 */
export async function say(
  { host, keyOf }: World,
  course: Course,
  tenant: string,
  state: Word['state'],
): Promise<void> {
  const endpoint = keyOf(tenant);
  const seen = await serverAt(host, endpoint);
  if (seen === undefined || seen.admin === state) return;
  const { server, weight } = seen;
  const verified = isVerified(course, server, endpoint);
  const command = `set server ${BACKEND}/${server} state ${state}`;
  const at = course.trace.now;
  course.trace.add('operator', command, await host.ask(command));
  const word = { state, server, endpoint, at, weight, verified };
  course.words.push(word);
  if (state === 'ready') course.holds.delete(endpoint);
  else course.holds.set(endpoint, word);
}
