/** Which addresses and ports may go on the wire. */

import { isIP } from 'node:net';
import type { EndpointAddress } from '../../model/endpoint.ts';

const ADDRESS_ALPHABET = /^[0-9a-fA-F:.]+$/;

/**
 * Any literal IP address is let through, the unspecified placeholder 0.0.0.0 included; whether an address may serve
 * was decided before.
 *
 * @throws RangeError for an address that is not a plain IPv4 or IPv6 literal, a port that is not an integer from 1
 *   to 65535 (HAProxy takes 65537 for 1 without a word).
 */
export function checkedAddress({ address, port }: EndpointAddress): EndpointAddress {
  if (!ADDRESS_ALPHABET.test(address) || isIP(address) === 0) {
    throw new RangeError(`not an IP address: ${JSON.stringify(address)}`);
  }
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new RangeError(`not a port: ${port}`);
  return { address, port };
}
