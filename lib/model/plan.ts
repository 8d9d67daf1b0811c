/** What a pass is going to do to one instance, as a value: for people to read, and for the pass to carry out. */

import type { AdminState } from './admin-state.ts';
import type { RuntimeCommand } from './command.ts';
import type { EndpointAddress } from './endpoint.ts';
import type { HeldServer } from './report.ts';

export type ChangeKind =
  /** A slot that serves nobody gets an endpoint. */
  | 'add'
  /** A slot that the instance does not have gets a server, and the server its endpoint. */
  | 'grow'
  /** A slot that serves somebody else gets its own endpoint. */
  | 'replace'
  /** In its slot already, but not in rotation. */
  | 'ready'
  | 'weight'
  | 'drain'
  /** Out of rotation and back to the placeholder. */
  | 'remove'
  /** Out of rotation already; back to the placeholder. */
  | 'park'
  /** A server that was added to the process, and that nobody needs any more, is deleted. */
  | 'delete'
  /** Back to the state in which an operator left it before HAProxy started anew. */
  | 'restore';

export interface Change {
  readonly kind: ChangeKind;
  readonly backend: string;
  readonly slot: string;
  /** Who the change is about: who comes, or with `drain`, `remove` and `park` who goes. */
  readonly endpoint: EndpointAddress;
  /** With `weight`, `add`, `grow`, `replace` and `ready`: the weight afterwards. */
  readonly weight: number | null;
}

/** What must be read back for a step to count as done; what is absent does not matter. */
export interface Expectation extends Partial<EndpointAddress> {
  readonly admin?: AdminState;
  readonly weight?: number;
  /** The checks run. */
  readonly healthCheck?: 'enabled';
  readonly agentCheck?: 'enabled';
  /** There is no such server any more; nothing else is expected then. */
  readonly absent?: true;
}

/** The commands for one slot that may be sent without looking in between. */
export interface Step {
  readonly backend: string;
  readonly slot: string;
  readonly commands: readonly RuntimeCommand[];
  readonly expect: Expectation;
  /** The slot gets another endpoint: not before the last connection to the former one has ended. */
  readonly changesHands?: true;
  /** Only if nobody is connected to the server any more; otherwise a later pass does it. */
  readonly whenIdle?: true;
}

/**
 * Steps that are sent together and then read back together; a slot whose step was refused or not read back takes no
 * further step in this pass.
 */
export interface Stage {
  /** Whether the stage takes servers out of rotation: `make` stages come first. */
  readonly phase: 'make' | 'break';
  readonly steps: readonly Step[];
}

/** Something that this instance cannot be brought to; the rest goes on. */
export interface Problem {
  readonly backend: string;
  /** Null: the whole backend. */
  readonly slot: string | null;
  readonly reason: string;
}

/** `seen`: the server is in that state on the present process; false: it is remembered, and restored where it serves. */
export interface PlannedHold extends HeldServer {
  readonly seen: boolean;
  /** When a pass first saw it; milliseconds since 1970. Absent: this plan does, or an earlier release did. */
  readonly sinceMs?: number;
}

export interface Plan {
  readonly changes: readonly Change[];
  readonly stages: readonly Stage[];
  readonly operatorHeld: readonly PlannedHold[];
  /** Slots with an endpoint that the instance does not have and cannot get, as `backend/server`; `problems` say why. */
  readonly missingSlots: readonly string[];
  readonly problems: readonly Problem[];
  /** What is as it should be and still worth knowing, each a sentence. */
  readonly notes: readonly string[];
}
