/** One backend of a running HAProxy, and what hitless.yml could say of it. */

import { inheritedMaintenance } from '../../model/admin-state.ts';
import { type Endpoint, type EndpointAddress, endpointKey } from '../../model/endpoint.ts';
import type { ObservedServer } from '../../model/observed.ts';
import type { BackendFacts } from '../../runtime-api/commands/show-backends.ts';

/** By the service's name: who of it is ready. */
export type Services = ReadonlyMap<string, readonly Endpoint[]>;

export interface ProposedBackend {
  readonly backend: string;
  /** What was seen, and what does not fit; each a line of comment. */
  readonly remarks: readonly string[];
  /** Null: nothing here is Hitless' to manage, and `remarks` say why. */
  readonly slots: ProposedSlots | null;
}

export interface ProposedSlots {
  /** Null: which one it is, a person has to say. */
  readonly service: string | null;
  /** How sure that is; or, without a service, which ones there are. */
  readonly why: string;
  readonly server: string;
  readonly slots: number;
  readonly placeholder: EndpointAddress | null;
  readonly options: string;
}

/** Servers with this in common are one row of slots: `websrv1`, `websrv2`, … */
const NUMBERED = /^(.*?)([1-9]\d*)$/;
/** Algorithms that take no server at run time and no weight between nothing and all, `hash-type consistent` apart. */
const STATIC = ['static-rr', 'source', 'uri', 'url_param', 'hdr', 'rdp-cookie', 'hash'];
const MOST_NAMED = 10;

export function proposeBackend(
  backend: string,
  servers: readonly ObservedServer[],
  facts: BackendFacts | undefined,
  services: Services,
): ProposedBackend {
  const row = largestRow(servers);
  const others = servers.filter(({ server }) => !row.servers.some((one) => one.server === server));
  const free = row.servers.filter(({ admin }) => admin === 'maint');
  const remarks = [
    ...oddities(servers, facts),
    ...(others.length === 0 || row.servers.length === 0
      ? []
      : [
          `${named(others)} ${others.length === 1 ? 'stays as it is: it is' : 'stay as they are: they are'} no slot`,
        ]),
  ];
  const broken = row.servers.filter((seen) => !isUsable(seen));
  if (row.servers.length === 0 || free.length === 0 || broken.length > 0) {
    const why =
      broken.length > 0
        ? 'its numbered servers cannot be re-addressed'
        : 'it has no free slot; declare some: server-template srv 1-10 127.0.0.1:80 check disabled';
    return { backend, remarks: [...remarks, why], slots: null };
  }
  const { service, why } = serviceOf(backend, row.servers, services);
  return {
    backend,
    remarks: [
      `${row.servers.length} servers ${row.prefix}1 to ${row.prefix}${row.servers.length}, ${free.length} of them free`,
      ...remarks,
    ],
    slots: {
      ...{ service, why, server: row.prefix, slots: row.servers.length, placeholder: mostOften(free) },
      options: optionsOf(row.servers, facts),
    },
  };
}

/** Those with one name and numbers from 1 on, without a gap. */
function largestRow(servers: readonly ObservedServer[]) {
  const rows = Map.groupBy(
    servers.filter(({ server }) => NUMBERED.test(server)),
    ({ server }) => NUMBERED.exec(server)?.[1] ?? '',
  );
  const whole = [...rows].map(([prefix, row]) => {
    const byName = new Map(row.map((seen) => [seen.server, seen]));
    const kept: ObservedServer[] = [];
    for (
      let seen = byName.get(`${prefix}1`);
      seen !== undefined;
      seen = byName.get(`${prefix}${kept.length + 1}`)
    )
      kept.push(seen);
    return { prefix, servers: kept };
  });
  const none = { prefix: '', servers: [] };
  return whole.reduce((best, row) => (row.servers.length > best.servers.length ? row : best), none);
}

function isUsable(seen: ObservedServer): boolean {
  return seen.port !== 0 && inheritedMaintenance(seen.adminMask) === undefined;
}

function oddities(servers: readonly ObservedServer[], facts: BackendFacts | undefined): string[] {
  const unix = servers.filter(({ port, address }) => port === 0 || address === '-');
  const resolved = servers.filter(({ adminMask }) => inheritedMaintenance(adminMask) === 'resolution');
  const tracking = facts?.tracking ?? [];
  const algorithm = facts?.algorithm ?? '';
  return [
    ...(STATIC.includes(algorithm)
      ? [
          `balance ${algorithm} is static unless \`hash-type consistent\`: no server can be added, no weight but 0 and all`,
        ]
      : []),
    ...(unix.length === 0
      ? []
      : [`${named(unix)}: a unix socket or no address, which no endpoint of Consul is`]),
    ...(resolved.length === 0 ? [] : [`${named(resolved)}: \`resolvers\` decide its address`]),
    ...(tracking.length === 0
      ? []
      : [`${tracking.join(', ')}: \`track\`, which follows another server's checks`]),
  ];
}

function named(servers: readonly ObservedServer[]): string {
  const names = servers.slice(0, MOST_NAMED).map(({ server }) => server);
  const more = servers.length - names.length;
  return more === 0 ? names.join(', ') : `${names.join(', ')} and ${more} more`;
}

/** The address at which most of them stand; of several the first. */
function mostOften(servers: readonly ObservedServer[]): EndpointAddress | null {
  const places = [...Map.groupBy(servers, endpointKey).values()];
  const [most] = places.sort((one, other) => other.length - one.length);
  const [seen] = most ?? [];
  return seen === undefined ? null : { address: seen.address, port: seen.port };
}

function optionsOf(servers: readonly ObservedServer[], facts: BackendFacts | undefined): string {
  const checked = servers.some(({ healthCheck }) => healthCheck !== 'none');
  return [...(facts?.cookie ? ['cookie {{ server }}'] : []), ...(checked ? ['check'] : [])].join(' ');
}

/** Whose endpoints are served already, else who is called as the backend is, else who is the only one. */
function serviceOf(backend: string, servers: readonly ObservedServer[], services: Services) {
  const served = new Set(servers.filter(({ admin }) => admin !== 'maint').map(endpointKey));
  const counts = [...services].map(([service, endpoints]) => ({
    ...{ service, all: endpoints.length },
    here: endpoints.filter((endpoint) => served.has(endpointKey(endpoint))).length,
  }));
  const [best, second] = counts.sort((one, other) => other.here - one.here);
  if (best !== undefined && best.here > 0 && best.here > (second?.here ?? 0))
    return {
      service: best.service,
      why: `${best.here} of its ${best.all} endpoints are served here already`,
    };
  const alike = [...services.keys()].filter((service) => plain(service) === plain(backend));
  if (alike.length === 1 && alike[0] !== undefined)
    return { service: alike[0], why: 'a guess: it is called as the backend is' };
  const [only, another] = services.keys();
  if (only !== undefined && another === undefined)
    return { service: only, why: 'a guess: it is the only service that Consul has' };
  const names = [...services.keys()].slice(0, MOST_NAMED).join(', ');
  return { service: null, why: names === '' ? 'Consul has no service yet' : `Consul has ${names}` };
}

/** `be_my-cluster` and `my_cluster` are called alike. */
function plain(name: string): string {
  return name
    .toLowerCase()
    .replace(/^(?:be|bk|backend|srv)[-_.]/, '')
    .replace(/[-_.](?:be|backend)$/, '')
    .replace(/[^a-z0-9]/g, '');
}
