/** What a rule may look at while a simulation runs, and what a rule is. */

import type { Fleet } from '../../lib/model/fleet.ts';
import type { InstanceReport } from '../../lib/model/report.ts';
import type { SlotTable } from '../../lib/model/slot-table.ts';
import type { HaproxyProcess, SentRequest, ServerChange, SimulatedServer } from './haproxy-process.ts';
import type { Sandbox } from './sandbox.ts';
import type { SimulatedConsul } from './simulated-consul.ts';
import type { Session, SimulatedInstance } from './simulated-instance.ts';
import type { SimulatedStore, Write } from './simulated-store.ts';
import type { World } from './world.ts';

/** Everything that the rules look at. */
export interface Scene {
  readonly world: World;
  /** As the operator configured it. */
  readonly fleet: Fleet;
  readonly consul: SimulatedConsul;
  readonly store: SimulatedStore;
  readonly instances: readonly SimulatedInstance[];
  /** What operators hold at the moment. */
  readonly holds: Holds;
  /** Every table that was published, oldest first. */
  readonly published: readonly Published[];
  /** The last one in the store; undefined: there is none yet. */
  reportOf(instance: string): InstanceReport | undefined;
  /** By backend and slot: every endpoint that a table or a first configuration ever gave to it. */
  wasGiven(backend: string, slot: string, target: string): boolean;
}

export interface Published {
  readonly table: SlotTable;
  readonly previous: SlotTable | null;
  readonly sandbox: Sandbox;
  /** By the clock of the one who decided, since 1970. */
  readonly decidedMs: number;
  readonly atMs: number;
}

/** A server that an operator put in drain or maint. */
export interface Hold {
  readonly instance: SimulatedInstance;
  readonly backend: string;
  readonly server: string;
  readonly target: string;
  readonly state: 'drain' | 'maint';
  readonly tick: number;
  /** The process it was set on. */
  readonly pid: number;
  /** The process on which the report in the store has it; null: none has it. */
  reportedPid: number | null;
  /** When a pass last took its server out, for Consul had its endpoint registered and not ready; null: it is out by hand. */
  parkedTick: number | null;
  /** When its endpoint was last away, and no report since says that it is held: then nobody touches it or it is over. */
  leftTick: number | null;
}

export interface Holds {
  all(): readonly Hold[];
  of(instance: string, backend: string, server: string): Hold | undefined;
  /** @param forgotten true: whoever knows of it must not bring it back. */
  end(hold: Hold, why: string, forgotten?: boolean): void;
  /**
   * Nobody holds it any more, but no pass that saw that has said so, and the report in the store has it on a former
   * process: then a pass brings it back, as it should.
   */
  mayBeHeld(process: HaproxyProcess, server: SimulatedServer): boolean;
}

/** What a pass says about an instance. */
export interface Reporting {
  readonly report: InstanceReport;
  /** In which it looked; undefined: it could not. */
  readonly session: Session | undefined;
}

/** What a rule is told. A session change is one that a command of ours made. */
export interface Watch {
  published?(table: Published): void;
  written?(write: Write): void;
  reported?(reporting: Reporting): void;
  attempted?(sandbox: Sandbox, instance: SimulatedInstance): void;
  received?(session: Session, line: string): void;
  replied?(session: Session, line: string): void;
  changed?(change: ServerChange, session: Session): void;
  requested?(request: SentRequest): void;
  operated?(process: HaproxyProcess, server: SimulatedServer): void;
  started?(process: HaproxyProcess): void;
  /** Faults stopped long enough ago that everything has healed. */
  healed?(): void;
}

export interface Rule {
  /** Of design.md, "Rules that always hold". */
  readonly number: number;
  readonly name: string;
  /** What always holds, for people. */
  readonly sentence: string;
  watch(scene: Scene, violated: (what: string) => void): Watch;
}
