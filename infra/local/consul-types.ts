/** What is told to a local Consul: services, checks and watches, in Consul's own words. */

export type CheckStatus = 'passing' | 'warning' | 'critical';

/** A check of a service: `ttl` (told by `setCheck`), `http` or `tcp` (asked by Consul every `interval`). */
export interface ServiceCheck {
  /** `service:ID` unless told, as Consul names a service's only check. */
  readonly id?: string;
  /** Like `10m`: how long a told status holds before it becomes critical. */
  readonly ttl?: string;
  readonly http?: string;
  readonly tcp?: string;
  readonly interval?: string;
  /** Until the check first ran; Consul takes `critical` when nothing is said. */
  readonly status?: CheckStatus;
}

export interface ServiceRegistration {
  readonly id: string;
  readonly name: string;
  /** The node's address when there is none. */
  readonly address?: string;
  readonly port?: number;
  readonly tags?: readonly string[];
  readonly meta?: Readonly<Record<string, string>>;
  readonly weights?: { readonly passing: number; readonly warning: number };
  readonly checks?: readonly ServiceCheck[];
}

/** A watch of type `service`, posting to a URL or running a program with the body on standard input. */
export interface ServiceWatch {
  readonly service: string;
  readonly tag?: string;
  readonly passingOnly?: boolean;
  readonly handler:
    | {
        readonly url: string;
        readonly headers?: Readonly<Record<string, string>>;
        /** Like `10s`, Consul's default. */
        readonly timeout?: string;
      }
    | { readonly args: readonly string[] };
}

/** As the agent's API and its configuration file take a service definition. */
export function registrationBody(service: ServiceRegistration): Record<string, unknown> {
  const { id, name, address, port, tags, meta, weights, checks } = service;
  return {
    ID: id,
    Name: name,
    Address: address,
    Port: port,
    Tags: tags,
    Meta: meta,
    Weights: weights && { Passing: weights.passing, Warning: weights.warning },
    Checks: checks?.map((check) => ({
      CheckID: check.id ?? `service:${id}`,
      TTL: check.ttl,
      HTTP: check.http,
      TCP: check.tcp,
      Interval: check.interval,
      Status: check.status,
    })),
  };
}

/** As the agent's configuration file takes a watch. */
export function watchDefinition({
  service,
  tag,
  passingOnly,
  handler,
}: ServiceWatch): Record<string, unknown> {
  const watch = { type: 'service', service, tag, passingonly: passingOnly };
  if ('args' in handler) return { ...watch, handler_type: 'script', args: handler.args };
  const { url, headers = {}, timeout } = handler;
  return {
    ...watch,
    handler_type: 'http',
    http_handler_config: {
      path: url,
      method: 'POST',
      header: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
      timeout,
    },
  };
}
