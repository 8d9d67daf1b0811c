/** What one pass did to one instance, and what was read back afterwards. */

import type { EndpointAddress } from './endpoint.ts';
import type { HaproxyProcess } from './process.ts';

/** A server that an operator put in drain or maint. */
export interface HeldServer extends EndpointAddress {
  readonly backend: string;
  readonly slot: string;
  readonly state: 'drain' | 'maint';
  /** Its stay (`stayOf`): one that was deregistered and came back is not held any more. */
  readonly servingSinceMs: number;
}

/** Its process is the one on which it was seen or restored: another one has forgotten it. */
export interface OperatorHeld extends HeldServer, HaproxyProcess {
  /** When a pass first saw it; milliseconds since 1970. Absent: an earlier release did. */
  readonly sinceMs?: number;
}

/**
 * Which of the table's serving slots some pass has read back in rotation, since their present stay began: those that
 * were there by `generation`, without the ones that are named.
 */
export interface VerifiedSlots {
  readonly generation: number;
  /** Slot numbers from 1, as `1-5,9`. */
  readonly except: readonly { readonly backend: string; readonly slots: string }[];
}

export interface InstanceReport {
  readonly version: 1;
  readonly fleet: string;
  readonly instance: string;
  /** The generation of the table that was applied. */
  readonly generation: number;
  /** Everything that the table asks for was read back. */
  readonly converged: boolean;
  /** Why it did not converge, one sentence with what to do; null when it converged. */
  readonly reason: string | null;
  /** Of the HAProxy process; null when it could not be reached. */
  readonly pid: number | null;
  /** When that process started, seconds since 1970. Absent: it could not be reached, or an earlier release wrote this. */
  readonly startedAtSeconds?: number;
  /** HAProxy's version, as last seen; null when it was never reached. */
  readonly haproxy: string | null;
  /** When the pass began to look at it; of two reports the one that looked later counts. */
  readonly observedAtMs: number;
  /** When HAProxy was last really read; what is known of it is as of then. Null: never. */
  readonly readAtMs: number | null;
  /** The newest generation that was read back from it, and when first; null: none yet. */
  readonly applied: { readonly generation: number; readonly atMs: number } | null;
  /** Of the newest generation that an event announced: from the event until it was read back; null: none yet. */
  readonly propagation: { readonly generation: number; readonly ms: number } | null;
  /** How many commands that change something were sent. */
  readonly commands: number;
  readonly operatorHeld: readonly OperatorHeld[];
  /** Absent: an earlier release wrote this, and `applied` says it of all slots. */
  readonly verified?: VerifiedSlots;
  /** Servers that this process refused to delete, as `backend/server`. Absent: none. */
  readonly undeletable?: readonly string[];
  /** What is as it should be and still worth knowing, each a sentence. Absent: nothing. */
  readonly notes?: readonly string[];
  /** Slots that the table uses and the instance does not have. */
  readonly missingSlots: readonly string[];
  /** The last state snapshot that was stored: a digest of what does not change by itself, and when. */
  readonly snapshot: { readonly digest: string; readonly atMs: number } | null;
}
