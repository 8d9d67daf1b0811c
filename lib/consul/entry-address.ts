/** Where a registration says it is to be reached: in canonical form, or refused with what a person can act on. */

import type { EndpointAddress, Refusal } from '../model/endpoint.ts';
import { parseIpAddress } from '../model/ip-address.ts';
import { LONGEST_SHOWN } from '../model/limits.ts';
import { printable } from '../model/printable.ts';
import type { ServiceEntry } from '../model/service-entry.ts';

/** Refused is an address that is not one unicast IP address, and a port that is not an integer from 1 to 65535. */
export function entryAddress(entry: ServiceEntry): EndpointAddress | Refusal {
  const { port } = entry;
  if (entry.address === '') return refusedAt(entry, 'neither the service nor its node has an address');
  const address = parseIpAddress(entry.address);
  if (typeof address !== 'string') return refusedAt(entry, address.refused);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    return refusedAt(entry, 'the port is not an integer from 1 to 65535');
  return { address, port };
}

/** Fit to be shown and stored: JSON has neither NaN nor infinity nor -0. */
export function refusedAt({ address, port }: ServiceEntry, reason: string): Refusal {
  return {
    address: printable(address, LONGEST_SHOWN.address),
    port: Number.isFinite(port) ? port + 0 : 0,
    reason,
  };
}
