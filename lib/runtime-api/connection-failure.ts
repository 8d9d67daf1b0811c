/** What a failed connection means, in words that say what to check. */

/** Codes of Node.js and OpenSSL; each was provoked once on Linux. */
const MEANINGS: Readonly<Record<string, string>> = {
  ENOENT:
    'there is no socket at this path: is HAProxy running, and does its `stats socket` line name this path?',
  EINVAL: 'not an address to connect to: the path of a unix socket has at most 107 characters',
  ENOTDIR: 'a part of this path is not a folder',
  EACCES: 'no permission for this socket: see `user`, `group` and `mode` of the `stats socket` line',
  EPERM: 'no permission for this socket: see `user`, `group` and `mode` of the `stats socket` line',
  EAGAIN: 'its queue of waiting connections is full: its stats maxconn is used up, or the process hangs',
  ECONNREFUSED: 'connection refused: nothing listens there, HAProxy is not running',
  ECONNRESET: 'it reset the connection',
  EPIPE: 'it closed the connection',
  EHOSTUNREACH: 'no route to this host',
  ENETUNREACH: 'no route to this network',
  ENOTFOUND: 'no such host name',
  EAI_AGAIN: 'the host name could not be resolved just now',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its TLS certificate is for another name or address',
  CERT_HAS_EXPIRED: 'its TLS certificate has expired',
  CERT_NOT_YET_VALID: 'its TLS certificate is not valid yet',
};

const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
]);

/**
 * Never empty; the system's own words are in it.
 *
 * @param error what the socket, the resolver or OpenSSL reported; anything.
 */
export function meaningOf(error: unknown): string {
  const code = codeOf(error);
  const words = wordsOf(error);
  if (
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/.test(code) ||
    /wrong version number|packet length/i.test(words)
  ) {
    return (
      'it answers in plain text, not TLS. If this is a `stats socket` line with `ssl`: HAProxy 2.6 and later ignore' +
      ' it, and whoever reaches the port controls HAProxy; put a TLS `frontend` in front of a unix socket instead'
    );
  }
  if (UNTRUSTED.has(code)) return `its TLS certificate is not signed by a CA of tls.ca (${words})`;
  if (/ALERT_(?:CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|HANDSHAKE)/.test(code)) {
    return `it refused our TLS client certificate: see tls.cert and tls.key (${words})`;
  }
  const meaning = MEANINGS[code];
  return meaning === undefined ? words : `${meaning} (${words})`;
}

/** Whether the system refuses it to this user. */
export function isForbidden(error: unknown): boolean {
  return codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM';
}

/** OpenSSL's messages carry thread ids and source files; its reason says it all. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error) || error.message === '') return String(error);
  if ('reason' in error && typeof error.reason === 'string' && error.reason !== '') return error.reason;
  return error.message.replace(' - Local (undefined:undefined)', '');
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
