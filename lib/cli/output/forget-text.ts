/** What became of a backend that is forgotten, for people. */

import type { Fleet } from '../../model/fleet.ts';
import type { UnlistedBackend } from '../../sync/backend-status.ts';
import type { Forgetting } from '../../sync/forget.ts';
import { bad, strong } from './colours.ts';
import { counted, some, toTheSecond } from './words.ts';

/** @param meant an unlisted backend that the table has, where the name may be mistyped. */
export function forgetText(
  { name }: Fleet,
  backend: string,
  { generation, known, left, lagging }: Forgetting,
  meant: string | undefined,
): string[] {
  const head = strong(`fleet ${name}`);
  if (left !== null) {
    return [
      `${head}: generation ${generation}, ${leftText(backend, left)}`,
      ...lagging.map(({ instance, reason }) => `  ${bad('lagging')}  ${instance}: ${reason}`),
    ];
  }
  if (known) return [`${head}: generation ${generation}, ${backend} has left the table`];
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  return [`${head}: ${backend} is not in the table${hint}`];
}

/** `be_old: 2 servers stay until …, 3 drain until …; every pass goes on with it`. */
export function leftText(backend: string, { slots, withheld, drainingUntil }: UnlistedBackend): string {
  const until = withheld.flatMap((one) => one.until ?? []).sort();
  const last = until.at(-1);
  const stay = last === undefined ? '' : ` until ${toTheSecond(last)}`;
  const parts = [
    ...(slots.serving > 0 ? [`${counted(slots.serving, 'server')} still in rotation${stay}`] : []),
    ...(drainingUntil === null ? [] : [`${slots.draining} draining until ${toTheSecond(drainingUntil)}`]),
  ];
  const what = parts.length === 0 ? 'its servers are not out everywhere' : some(parts);
  return `${backend}: ${what}; every pass goes on with it, say it again to see it leave the table`;
}
