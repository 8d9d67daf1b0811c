/** The instances that were found in Consul, as an object: JSON with one instance on a line. */

import * as v from 'valibot';
import type { KnownInstances } from '../model/found-instance.ts';
import { checkDocument, decodeDocument, VERSION } from './document.ts';
import { address, count, keyName, port, timeMs } from './schemas.ts';

const knownInstances = v.object({
  version: v.literal(VERSION),
  fleet: keyName,
  service: v.string(),
  instances: v.array(v.object({ name: keyName, address, port, missedSinceMs: v.nullable(timeMs) })),
  refused: v.array(
    v.object({
      name: keyName,
      address: v.string(),
      port: v.pipe(v.number(), v.finite()),
      reason: v.string(),
    }),
  ),
  refusedMore: v.exactOptional(count),
}) satisfies v.GenericSchema<unknown, KnownInstances>;

/** @throws DocumentInvalid when what would be written could not be read again. */
export function encodeKnownInstances(known: KnownInstances): string {
  const { instances, refused, ...head } = checkDocument('(new instances)', known, knownInstances);
  const lines = (list: readonly object[]) => list.map((one) => `\n${JSON.stringify(one)}`).join(',');
  return `${JSON.stringify(head).slice(0, -1)},"instances":[${lines(instances)}],"refused":[${lines(refused)}]}\n`;
}

/**
 * @param key where it was found, for the error.
 * @throws DocumentInvalid
 */
export function decodeKnownInstances(key: string, body: string): KnownInstances {
  return decodeDocument(key, body, knownInstances);
}
