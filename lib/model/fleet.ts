/** What an operator configured: the typed form of hitless.yml (contracts: README, "hitless.yml"). */

import type { EndpointAddress } from './endpoint.ts';

export type InstanceAddress =
  | { readonly scheme: 'unix'; readonly path: string }
  | { readonly scheme: 'tcp' | 'tls'; readonly host: string; readonly port: number };

/** One HAProxy process. */
export interface Instance {
  readonly name: string;
  readonly address: InstanceAddress;
}

/** One HAProxy's own; TCP and TLS are one place, for a port speaks one of them. Host names are not resolved. */
export function placeOf(address: InstanceAddress): string {
  return address.scheme === 'unix' ? address.path : `${address.host} ${address.port}`;
}

/** Where a fleet's further instances are found: they register themselves as a service of Consul. */
export interface InstancesFrom {
  /** The service whose address and port is an HAProxy's Runtime API. */
  readonly service: string;
  readonly scheme: 'tcp' | 'tls';
  /** A registration must carry all of them; empty: any registration. */
  readonly tags: readonly string[];
}

/** Paths of PEM files, already made absolute against the configuration file's folder. */
export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** The same as texts, for where there are no files to keep a secret in. */
export interface TlsTexts {
  readonly pem: { readonly ca: string; readonly cert: string; readonly key: string };
}

/** How the slots of one backend are filled. */
export interface BackendPolicy {
  /** The backend's name in HAProxy. */
  readonly backend: string;
  readonly service: string;
  /** An endpoint must carry all of them; empty: any endpoint. */
  readonly tags: readonly string[];
  readonly include: readonly ('passing' | 'warning')[];
  /** True: Consul's weights become the servers'. False: the weight that HAProxy's configuration gave stays. */
  readonly weights: boolean;
  /** Slots are `${server}1`, `${server}2`, … */
  readonly server: string;
  /** Declared from the start. */
  readonly slots: number;
  /** The declared slots grow when fewer than this many are free. */
  readonly spare: number;
  /** The rest of a server line, `{{ server }}` standing for the slot's name; checked to be one line. */
  readonly options: string;
  /** The address of a slot that nobody uses; not necessarily unicast. */
  readonly placeholder: EndpointAddress;
  readonly drainMs: number;
  /** 0 to 1: the share of the endpoints that a window of `holdMs` cannot take away; 0 is no guard. */
  readonly keep: number;
  readonly holdMs: number;
  readonly allowEmpty: boolean;
}

export interface Template {
  readonly path: string;
  readonly text: string;
  /** Of the template as it was written, where `text` is what became of it; lower-case hex. Absent: of `text`. */
  readonly sha256?: string;
}

export interface Fleet {
  readonly name: string;
  /** In listed order, which is also the order of adoption; then those that were found in Consul. */
  readonly instances: readonly Instance[];
  /** Null: `instances` are all. */
  readonly instancesFrom: InstancesFrom | null;
  readonly tls: TlsFiles;
  readonly snapshotEveryMs: number;
  /** How often reports are written that only say that another generation was applied; 0: always. */
  readonly reportEveryMs: number;
  /** How many instances one worker invocation applies to. */
  readonly shard: number;
  /** How long one instance may take for one pass. */
  readonly timeoutMs: number;
  /** The template's path and text, read with the configuration; null: no configuration is rendered. */
  readonly template: Template | null;
  readonly backends: readonly BackendPolicy[];
  /** Bytes that Consul's answer about one service may have. Absent: see LARGEST_ANSWER_BYTES. */
  readonly answerBytes?: number;
  /**
   * When its hitless.yml, or the template that it names, was last written; milliseconds since 1970. Of two that decide
   * one backend differently the later one counts. Absent: not known, and then this one counts.
   */
  readonly writtenAtMs?: number;
}

export interface ConsulAddress {
  readonly address: string;
  readonly datacenter: string | null;
  readonly tls: TlsFiles;
}

export type StoreAddress =
  | { readonly scheme: 's3'; readonly bucket: string; readonly prefix: string }
  | { readonly scheme: 'file'; readonly path: string };

export interface HitlessConfig {
  readonly consul: ConsulAddress;
  readonly store: StoreAddress;
  readonly fleets: readonly Fleet[];
}
