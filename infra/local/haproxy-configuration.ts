/** The configuration file that a local HAProxy starts from. */

/** Where one local HAProxy is to be reached; allocated before its configuration is written. */
export interface HaproxyAddresses {
  /** Path of the unix socket of the Runtime API. */
  readonly socket: string;
  /** The Runtime API over TCP. */
  readonly runtime: { readonly host: string; readonly port: number };
  /** The Runtime API behind a TLS listener that asks for a client certificate; null when it was not asked for. */
  readonly tlsRuntime: { readonly host: string; readonly port: number } | null;
  /** Where it serves HTTP. */
  readonly frontend: { readonly host: string; readonly port: number };
}

/** Rights of a Runtime API connection, HAProxy's own words. */
export type RuntimeLevel = 'admin' | 'operator' | 'user';

export interface ConfigurationOptions {
  /**
   * One or more whole sections, the first a `backend`: the frontend sends everything there. Without it there is
   * no backend, and every request is answered with 503.
   */
  readonly backend?: string;
  /** Of both sockets of the Runtime API; `admin` unless told. */
  readonly level?: RuntimeLevel;
  /** How many Runtime API connections may be open at once, over all its sockets; HAProxy's default is 10. */
  readonly statsMaxconn?: number;
  /** PEM files of the TLS listener: its certificate with key, and the CA of the clients. Needed for `tlsRuntime`. */
  readonly tls?: { readonly serverPem: string; readonly ca: string };
}

/**
 * The environment variables under which a local HAProxy finds its addresses, so that one file can serve several
 * of them: `bind "${HITLESS_FRONTEND}"`, `stats socket "${HITLESS_SOCKET}" …`, `stats socket "${HITLESS_RUNTIME}" …`.
 */
export function addressVariables(addresses: HaproxyAddresses): Record<string, string> {
  const { socket, runtime, tlsRuntime, frontend } = addresses;
  return {
    HITLESS_SOCKET: socket,
    HITLESS_RUNTIME: `${runtime.host}:${runtime.port}`,
    HITLESS_FRONTEND: `${frontend.host}:${frontend.port}`,
    ...(tlsRuntime === null ? {} : { HITLESS_TLS_RUNTIME: `${tlsRuntime.host}:${tlsRuntime.port}` }),
  };
}

/**
 * A whole configuration: Runtime API, one frontend, short timeouts, and a failed connection tried again at once
 * on another server.
 *
 * The text names its addresses through `addressVariables`, so it is the same for every local HAProxy (but for the
 * TLS listener, which is there only when `options.tls` is).
 */
export function configurationText(options: ConfigurationOptions = {}): string {
  const { backend = '', level = 'admin', statsMaxconn, tls } = options;
  const first = /^\s*backend\s+(\S+)/m.exec(backend)?.[1];
  return [
    'global',
    '  maxconn 2000',
    `  stats socket "${variable('SOCKET')}" mode 600 level ${level} expose-fd listeners`,
    `  stats socket "ipv4@${variable('RUNTIME')}" level ${level}`,
    '  stats timeout 1m',
    ...(statsMaxconn === undefined ? [] : [`  stats maxconn ${statsMaxconn}`]),
    ...(tls === undefined ? [] : ['  ssl-server-verify none']),
    '',
    'defaults',
    '  mode http',
    '  timeout connect 1s',
    '  timeout client 10s',
    '  timeout server 10s',
    '  timeout queue 5s',
    '  timeout check 1s',
    '  option redispatch 1',
    '  retries 3',
    '  retry-on conn-failure empty-response',
    '  default-server inter 200ms fastinter 100ms downinter 200ms rise 1 fall 2',
    '',
    'frontend fe_main',
    `  bind "${variable('FRONTEND')}"`,
    ...(first === undefined ? [] : [`  default_backend ${first}`]),
    ...(tls === undefined ? [] : tlsListener(tls)),
    '',
    backend.trimEnd(),
    '',
  ].join('\n');
}

/** HAProxy 2.6 and later accept `ssl` on a stats socket and then serve plain text: TLS needs a listener in front. */
function tlsListener(tls: { readonly serverPem: string; readonly ca: string }): string[] {
  return [
    '',
    'frontend fe_runtime_tls',
    '  mode tcp',
    '  timeout client 1m',
    `  bind "${variable('TLS_RUNTIME')}" ssl crt ${tls.serverPem} verify required ca-file ${tls.ca}`,
    '  default_backend be_runtime',
    '',
    'backend be_runtime',
    '  mode tcp',
    '  timeout server 1m',
    `  server runtime "unix@${variable('SOCKET')}"`,
  ];
}

/** As HAProxy reads an environment variable inside double quotes. */
function variable(name: 'SOCKET' | 'RUNTIME' | 'TLS_RUNTIME' | 'FRONTEND'): string {
  return `\${HITLESS_${name}}`;
}
