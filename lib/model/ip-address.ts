/**
 * IP addresses: text to one canonical form, unicast only.
 *
 * HAProxy resolves what it does not understand and understands too much: `*` is 0.0.0.0, `::1:8082` is the address
 * ::0.1.128.130 (measured on 2.2 to 3.2). So whatever reaches a command went through here first.
 */

/** A refused text; `reason` is for people. */
export interface AddressRefused {
  readonly refused: string;
}

const IPV4_OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const IPV4 = new RegExp(`^${IPV4_OCTET}(?:\\.${IPV4_OCTET}){3}$`);
const BROADCAST = '255.255.255.255';
const IPV6_ALPHABET = /^[0-9A-Fa-f:.]+$/;
const IPV4_MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

/**
 * The canonical form of a literal IPv4 or IPv6 unicast address. An IPv4-mapped IPv6 address becomes the IPv4 one,
 * for it is the same place.
 *
 * Refused: names, shortened or octal IPv4, ports, brackets, zones, and every address that is not one host's:
 * unspecified (0.0.0.0/8, ::), broadcast, multicast, reserved (240.0.0.0/4), link-local, and `::/96` other than `::1`.
 * Link-local addresses need a zone, and the one that does not, 169.254.169.254, is every cloud's metadata service: no
 * service is there.
 */
export function parseIpAddress(text: string): string | AddressRefused {
  if (IPV4.test(text)) return refuseUnlessUnicastIpv4(text);
  if (text.includes('%')) return { refused: 'an address with a zone is only valid on one host' };
  if (!text.includes(':')) return { refused: 'not an IP address (names are not resolved)' };
  return parseIpv6(text);
}

/** Whether a canonical address is in 240.0.0.0/4, which former releases let through: a table may still have one. */
export function isReservedIpv4(text: string): boolean {
  return IPV4.test(text) && text !== BROADCAST && Number.parseInt(text, 10) >= 240;
}

function refuseUnlessUnicastIpv4(text: string): string | AddressRefused {
  const first = Number.parseInt(text, 10);
  if (first === 0) return { refused: 'an unspecified address' };
  if (text.startsWith('169.254.')) return { refused: 'a link-local address' };
  if (text === BROADCAST) return { refused: 'the broadcast address' };
  if (first >= 224 && first <= 239) return { refused: 'a multicast address' };
  if (isReservedIpv4(text)) return { refused: 'a reserved address (240.0.0.0/4)' };
  return text;
}

function parseIpv6(text: string): string | AddressRefused {
  const canonical = IPV6_ALPHABET.test(text) ? canonicalIpv6(text) : undefined;
  if (canonical === undefined) return { refused: 'not an IP address' };
  if (canonical === '::') return { refused: 'an unspecified address' };
  if (/^fe[89ab]/.test(canonical)) return { refused: 'a link-local address' };
  if (canonical.startsWith('ff')) return { refused: 'a multicast address' };
  const mapped = IPV4_MAPPED.exec(canonical);
  if (mapped?.[1] !== undefined && mapped[2] !== undefined) return parseMapped(mapped[1], mapped[2]);
  if (canonical !== '::1' && /^::(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4})?)$/.test(canonical)) {
    return { refused: 'in ::/96, most likely an IPv6 address with a port glued to it' };
  }
  return canonical;
}

/** The WHATWG URL parser writes IPv6 hosts as RFC 5952 asks, except that an embedded IPv4 is written in hex. */
function canonicalIpv6(text: string): string | undefined {
  const url = URL.parse(`http://[${text}]`);
  return url === null ? undefined : url.hostname.slice(1, -1);
}

function parseMapped(high: string, low: string): string | AddressRefused {
  const bits = Number.parseInt(high, 16) * 0x10000 + Number.parseInt(low, 16);
  const octets = [24, 16, 8, 0].map((shift) => Math.floor(bits / 2 ** shift) % 256);
  return refuseUnlessUnicastIpv4(octets.join('.'));
}
