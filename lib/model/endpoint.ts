/** Where one instance of a service is to be reached, in one canonical and checked form. */

import type { Registration } from './registration.ts';

/** An address and a port that passed {@link parseEndpoint}; `address` is canonical, so `===` compares addresses. */
export interface EndpointAddress {
  /** Canonical: dotted decimal IPv4, or IPv6 in the form of RFC 5952 without brackets. */
  readonly address: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** An endpoint that is to serve. */
export interface Endpoint extends EndpointAddress {
  /** 0 to 256, HAProxy's own scale. */
  readonly weight: number;
  /** Whose it is. Absent: what was read does not say, as an event from the queue does not. */
  readonly registration?: Registration;
}

/** Something from Consul that was not let through, by name, with a reason a person can act on. */
export interface Refusal {
  /** The address as Consul had it, control characters made visible; never sent anywhere. */
  readonly address: string;
  /** The port as Consul had it; NaN-free, may be out of range. */
  readonly port: number;
  readonly reason: string;
}

/** One string per distinct endpoint: `10.0.0.1:80`, `[2001:db8::1]:80`. Also what messages and reports show. */
export function endpointKey(endpoint: EndpointAddress): string {
  return endpoint.address.includes(':')
    ? `[${endpoint.address}]:${endpoint.port}`
    : `${endpoint.address}:${endpoint.port}`;
}

/** Whether two endpoints are the same place; the weight does not count. */
export function sameEndpoint(one: EndpointAddress, other: EndpointAddress): boolean {
  return one.port === other.port && one.address === other.address;
}

/** A string by which endpoints sort as a person would: 10.0.0.2 before 10.0.0.10, IPv4 before IPv6. */
export function endpointOrder({ address, port }: EndpointAddress): string {
  const digits = address.includes(':')
    ? `v6 ${address}`
    : address.replace(/\d+/g, (octet) => octet.padStart(3, '0'));
  return `${digits} ${String(port).padStart(5, '0')}`;
}
