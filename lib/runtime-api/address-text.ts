/** How a Runtime API address is written for people, in hitless.yml and in messages. */

import type { InstanceAddress } from '../model/fleet.ts';

/** `unix:///run/haproxy.sock`, `tcp://10.0.0.1:9999`, `tls://[2001:db8::1]:9443`. */
export function addressText(address: InstanceAddress): string {
  if (address.scheme === 'unix') return `unix://${address.path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${address.scheme}://${host}:${address.port}`;
}
