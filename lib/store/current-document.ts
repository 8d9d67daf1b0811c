/**
 * `current.json`: which configuration a host should have. Hosts read it with `sed`, so every key is on a line of its
 * own and no value needs escaping.
 */

import * as v from 'valibot';
import type { ConfigurationDigests } from '../model/slot-table.ts';
import { checkDocument, decodeDocument, VERSION } from './document.ts';
import { digest, generation } from './schemas.ts';

export interface CurrentConfiguration extends ConfigurationDigests {
  readonly version: 1;
  readonly generation: number;
}

const currentConfiguration = v.object({
  version: v.literal(VERSION),
  generation,
  sha256: digest,
  structure: digest,
}) satisfies v.GenericSchema<unknown, CurrentConfiguration>;

/** @throws DocumentInvalid when what would be written could not be read again. */
export function encodeCurrentConfiguration(current: CurrentConfiguration): string {
  return `${JSON.stringify(checkDocument('(new current.json)', current, currentConfiguration), null, 2)}\n`;
}

/**
 * @param key where it was found, for the error.
 * @throws DocumentInvalid
 */
export function decodeCurrentConfiguration(key: string, body: string): CurrentConfiguration {
  return decodeDocument(key, body, currentConfiguration);
}
