/**
 * Which slot of which backend holds which endpoint: one table per fleet, applied to many instances.
 *
 * Life of a slot: free → serving → draining → free. All times are milliseconds since 1970, from the clock of whoever
 * assigned.
 */

import type { EndpointAddress, Refusal } from './endpoint.ts';
import type { BackendPolicy } from './fleet.ts';
import type { Registration } from './registration.ts';

/** Nobody uses it. `last` is who had it, so that a returning endpoint gets it back. */
export interface FreeSlot {
  readonly state: 'free';
  /** 0: never used. */
  readonly freedAtMs: number;
  readonly last: EndpointAddress | null;
  /** As in `ServingSlot`: `last` is registered still, though not ready. Absent: it is not. */
  readonly registeredSinceMs?: number;
}

export interface ServingSlot extends EndpointAddress {
  readonly state: 'serving';
  /** 0 to 256, or null: the weight of HAProxy's configuration. */
  readonly weight: number | null;
  readonly sinceMs: number;
  /** Consul no longer has it ready, and the guard keeps it all the same. */
  readonly withheld: Withheld | null;
  /** The table in which it came. Absent: an earlier release assigned it. */
  readonly sinceGeneration?: number;
  /** It was found in this slot at first contact: nobody put it there for Hitless. */
  readonly adopted?: true;
  /** When its stay began, if that is before `sinceMs`: it was not ready meanwhile, and never deregistered. */
  readonly registeredSinceMs?: number;
  /** Whose it is in Consul. Absent: not known, an earlier release or an event from the queue assigned it. */
  readonly registration?: Registration;
}

/**
 * Why the guard keeps it: Consul has nobody at all (`empty`), has told no result of its checks (`unchecked`), has it
 * ready with a registration that cannot be used (`unusable`), or too many would go at once (`guard`).
 */
export type WithheldKind = 'empty' | 'unchecked' | 'unusable' | 'guard';

export interface Withheld {
  /** Absent: an earlier release withheld it. */
  readonly kind?: WithheldKind;
  readonly sinceMs: number;
  /** When it goes if Consul still misses it; null: not by the time, see `kind`. */
  readonly untilMs: number | null;
  readonly reason: string;
  /** An operator let it go: the next pass that misses it again does not withhold it. */
  readonly released?: true;
}

/** What an earlier release withheld is told by its sentence, which that release wrote. */
export function kindOf({ kind, untilMs, reason }: Withheld): WithheldKind {
  if (kind !== undefined) return kind;
  if (untilMs === null) return 'empty';
  return reason === 'critical, but Consul has told no result of its checks since its agent started'
    ? 'unchecked'
    : 'guard';
}

export interface DrainingSlot extends EndpointAddress {
  readonly state: 'draining';
  readonly weight: number | null;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** As in `ServingSlot`: it is registered still, though not ready. Absent: it is not. */
  readonly registeredSinceMs?: number;
}

export type Slot = FreeSlot | ServingSlot | DrainingSlot;

/**
 * The stay of an endpoint in its slot: from when it came until it is deregistered, ready or not. Null: nobody stays.
 * What an operator does to a server lasts as long.
 */
export function stayOf(slot: Slot): number | null {
  return slot.registeredSinceMs ?? (slot.state === 'serving' ? slot.sinceMs : null);
}

/** One endpoint that went, for the guard to count. */
export interface Departure {
  readonly atMs: number;
  /** Since when it had served. */
  readonly servedSinceMs: number;
}

/** What a hitless.yml says of a backend, and when that file was written: milliseconds since 1970. */
export interface DecidedPolicy extends Omit<BackendPolicy, 'backend'> {
  readonly writtenAtMs: number;
}

/** An older hitless.yml that says something else of a backend, and is not followed. */
export interface Overruled {
  readonly writtenAtMs: number;
  /** In which keys it differs, as hitless.yml calls them. */
  readonly keys: readonly string[];
}

export interface BackendSlots {
  readonly service: string;
  /** Slot `n` (from 1) is the server `${server}${n}` and stands at `slots[n - 1]`. */
  readonly server: string;
  readonly slots: readonly Slot[];
  /** Those of the last `hold`, oldest first. */
  readonly departures: readonly Departure[];
  /** What the last reading of Consul had and nobody will serve; the first 20. */
  readonly refused: readonly Refusal[];
  /** How many more. Absent: none. */
  readonly refusedMore?: number;
  /** What its slots were made with. Absent: not known, an earlier release made them. */
  readonly policy?: DecidedPolicy;
  /** Those that were heard of since `policy` counts, in that order. */
  readonly overruled?: readonly Overruled[];
  /** Since when its servers are taken out for good (`hitless forget --park`). Absent: they are not. */
  readonly parkingSinceMs?: number;
}

/** Digests of the rendered configuration, in lower-case hex. */
export interface ConfigurationDigests {
  readonly sha256: string;
  /** Changes only when a reload is needed. */
  readonly structure: string;
}

/** What a generation was made for, and when. */
export interface Cause {
  readonly generation: number;
  /** `X-Consul-Index` of the answers it was made from; a service that Consul did not answer for is absent. */
  readonly indexes: readonly { readonly service: string; readonly index: string }[];
  /** When the oldest of its events came; null: none did, a reconcile found the difference or a time ran out. */
  readonly receivedAtMs: number | null;
  readonly assignedAtMs: number;
}

/** A backend that an operator took out of the table: only a hitless.yml that is written later brings it back. */
export interface Forgotten {
  readonly backend: string;
  readonly atMs: number;
}

export interface SlotTable {
  readonly version: 1;
  readonly fleet: string;
  /** Rises by one with every table that is published. The first one is 1. */
  readonly generation: number;
  /** Null: the fleet has no template. */
  readonly configuration: ConfigurationDigests | null;
  /** The template that the configuration is rendered from, and when its hitless.yml was written. Absent: not known. */
  readonly rendering?: { readonly template: string; readonly writtenAtMs: number };
  /** The last ones, oldest first. */
  readonly forgotten?: readonly Forgotten[];
  /** Of the last generations, oldest first: how long each takes to the instances is measured from here. */
  readonly trail?: readonly Cause[];
  /** By the backend's name in HAProxy. */
  readonly backends: Readonly<Record<string, BackendSlots>>;
}

/**
 * The slots of one backend; undefined: the table does not have it. The only way to ask a table by name: a backend may be
 * called `toString`, and then `backends[name]` finds JavaScript's.
 */
export function slotsOfBackend(
  { backends }: Pick<SlotTable, 'backends'>,
  backend: string,
): BackendSlots | undefined {
  return Object.hasOwn(backends, backend) ? backends[backend] : undefined;
}

/**
 * Whether nobody was ever assigned a slot. Such a table says nothing about what the instances serve: Consul may have
 * been empty, and the instances away, when it was made.
 */
export function isUntouched({ slots }: BackendSlots): boolean {
  return slots.every((slot) => slot.state === 'free' && slot.freedAtMs === 0);
}

/** The name of the server that is slot `number`, counted from 1. */
export function slotName(backend: Pick<BackendSlots, 'server'>, number: number): string {
  return `${backend.server}${number}`;
}
