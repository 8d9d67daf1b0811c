/** What a release did, for people. */

import { endpointKey } from '../../model/endpoint.ts';
import type { BackendPolicy, Fleet } from '../../model/fleet.ts';
import type { WithheldChange } from '../../sync/backend-status.ts';
import type { Released } from '../../sync/release.ts';
import { notable, strong } from './colours.ts';
import { counted } from './words.ts';

export function releaseText(
  { name }: Fleet,
  { backend, drainMs }: BackendPolicy,
  { generation, released, staying }: Released,
): string[] {
  const head = strong(`fleet ${name}`);
  if (released.length + staying.length === 0) return [`${head}: nothing is withheld in ${backend}`];
  const how = drainMs === 0 ? 'takes them out' : 'drains them';
  const done =
    released.length === 0
      ? `nothing was released in ${backend}`
      : `generation ${generation}, ${counted(released.length, 'server')} of ${backend} released; the next pass ${how}`;
  return [
    `${head}: ${done}`,
    ...released.map((change) => `  released  ${lineOf(backend, change)}`),
    ...staying.map((change) => `  ${notable('withheld')}  ${lineOf(backend, change)}`),
    ...(staying.length === 0
      ? []
      : [`  Without them ${backend} has no server at all. If that is meant, say --empty.`]),
  ];
}

function lineOf(backend: string, { slot, address, port, reason }: WithheldChange): string {
  return `${backend}/${slot}  ${endpointKey({ address, port })}: ${reason}`;
}
