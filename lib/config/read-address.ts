/** Where things are: instances, placeholder, store and Consul, from their text in the configuration file. */

import { isIPv6 } from 'node:net';
import type { EndpointAddress } from '../model/endpoint.ts';
import type { InstanceAddress, StoreAddress } from '../model/fleet.ts';
import { parseIpAddress } from '../model/ip-address.ts';
import { expected, type Read } from './read-value.ts';

const HOST_AND_PORT = /^(?:\[(?<v6>[^\]]*)\]|(?<host>[^:[\]]+)):(?<port>\d{1,5})$/;
/** `sun_path` has 108 bytes, the last one NUL; unix(7). */
const LONGEST_SOCKET_PATH = 107;

/**
 * A Runtime API address: `unix:///run/haproxy.sock`, `tcp://host:port` or `tls://host:port`, IPv6 in brackets.
 * Names are lower-cased and IPv6 is canonical, so that equal addresses are equal texts.
 */
export function readInstanceAddress(input: unknown): Read<InstanceAddress> {
  const forms = 'unix:///run/haproxy.sock, tcp://host:port or tls://host:port';
  const match = typeof input === 'string' ? /^(unix|tcp|tls):\/\/(.*)$/s.exec(input) : null;
  const [, scheme, rest] = match ?? [];
  if (scheme === undefined || rest === undefined) return { refused: expected(forms, input) };
  if (scheme === 'unix') return readSocketPath(rest, input);
  if (rest.includes('@')) return { refused: 'an address has no user name or password' };
  if (/[/?#]/.test(rest)) return { refused: expected(`${scheme}://host:port without a path`, input) };
  const place = hostAndPort(rest);
  if (place === undefined)
    return { refused: expected(`${scheme}://host:port with a port from 1 to 65535`, input) };
  return { value: { scheme: scheme === 'tls' ? 'tls' : 'tcp', ...place } };
}

function readSocketPath(path: string, input: unknown): Read<InstanceAddress> {
  if (!path.startsWith('/') || path.endsWith('/') || /\p{Cc}/u.test(path)) {
    return { refused: expected('the absolute path of a socket, as in unix:///run/haproxy.sock', input) };
  }
  return Buffer.byteLength(path) > LONGEST_SOCKET_PATH
    ? { refused: `the path of a socket has at most ${LONGEST_SOCKET_PATH} bytes` }
    : { value: { scheme: 'unix', path } };
}

function hostAndPort(text: string): { host: string; port: number } | undefined {
  const groups = HOST_AND_PORT.exec(text)?.groups;
  const port = Number(groups?.port);
  if (groups === undefined || port < 1 || port > 65535) return undefined;
  if (groups.v6 !== undefined) {
    const host = canonicalIpv6(groups.v6);
    return host === undefined ? undefined : { host, port };
  }
  const host = groups.host?.toLowerCase() ?? '';
  return /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/.test(host) ? { host, port } : undefined;
}

function canonicalIpv6(text: string): string | undefined {
  if (!isIPv6(text) || text.includes('%')) return undefined;
  return URL.parse(`http://[${text}]`)?.hostname.slice(1, -1);
}

/** `IP:port` or `[IPv6]:port`; besides unicast addresses 0.0.0.0 and ::, which no request can reach. */
export function readPlaceholder(input: unknown): Read<EndpointAddress> {
  const refused = { refused: expected('an IP address and port such as 0.0.0.0:80 or [::]:80', input) };
  const place = typeof input === 'string' ? hostAndPort(input) : undefined;
  if (place === undefined) return refused;
  const { host, port } = place;
  if (host === '0.0.0.0' || host === '::') return { value: { address: host, port } };
  const address = parseIpAddress(host);
  return typeof address === 'string' ? { value: { address, port } } : refused;
}

/**
 * `s3://bucket/prefix`, `s3://bucket`, `file:/folder` or `file:folder`; a folder stays relative. The prefix comes
 * without slashes at its ends. Its characters are those that need no escaping in a URL, so that every signer agrees.
 */
export function readStore(input: unknown): Read<StoreAddress> {
  const text = typeof input === 'string' ? input : '';
  const folder = /^file:(?:\/\/(?=\/))?(?<path>[^\p{Cc}]+)$/u.exec(text)?.groups?.path;
  if (folder !== undefined && !folder.startsWith('//')) return { value: { scheme: 'file', path: folder } };
  const s3 = /^s3:\/\/(?<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(?<prefix>.*))?$/.exec(text)?.groups;
  if (s3?.bucket === undefined) {
    return { refused: expected('s3://bucket/prefix or file:/folder', input) };
  }
  const prefix = (s3.prefix ?? '').replace(/\/$/, '');
  const usable =
    prefix === '' || prefix.split('/').every((part) => /^[A-Za-z0-9_~-][A-Za-z0-9_.~-]*$/.test(part));
  return usable
    ? { value: { scheme: 's3', bucket: s3.bucket, prefix } }
    : { refused: expected('a prefix of letters, digits, _ . ~ - and single slashes', input) };
}

/** `http://host:port` or `https://host:port` of a Consul agent; comes without a slash at its end. */
export function readConsulAddress(input: unknown): Read<string> {
  const url = typeof input === 'string' && /^https?:\/\//i.test(input) ? URL.parse(input) : null;
  if (url === null) return { refused: expected('an address such as http://127.0.0.1:8500', input) };
  if (url.username !== '' || url.password !== '')
    return { refused: 'an address has no user name or password' };
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    return { refused: expected('an address without a path', input) };
  }
  return { value: url.origin };
}
