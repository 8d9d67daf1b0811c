/** What a rule may look at while a simulation runs, and what a rule is. */

import type { Fleet } from '../../lib/model/fleet.ts';
import type { HeldServer, InstanceReport } from '../../lib/model/report.ts';
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
  /** One pass is at work, and no other was a moment ago. */
  isAlone(): boolean;
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
  /** Sessions that changed its server and had seen it held before: what they do since may hide it, but not from them. */
  readonly knownBy: Set<number>;
  /** Why nobody need know of it any more, until a rest shows whether somebody does; null: somebody has to. */
  doubt: string | null;
  /** When its endpoint was last away, and no report since says that it is held: then nobody touches it or it is over. */
  leftTick: number | null;
  /** Of the newest table when it was said. */
  readonly sinceGeneration: number;
  /** The last table in which it was away; 0: none. */
  leftGeneration: number;
}

export interface Holds {
  all(): readonly Hold[];
  of(instance: string, backend: string, server: string): Hold | undefined;
  /** @param forgotten true: whoever knows of it must not bring it back. */
  end(hold: Hold, why: string, forgotten?: boolean): void;
  /** Whether a report that was made in this session may name it held: it is, or was when that pass knew less. */
  mayBeNamed(instance: string, held: HeldServer, session: Session | undefined): boolean;
  /** Nobody held it, and yet a pass cannot but believe that; from now on it is held. */
  believed(instance: string, held: HeldServer, excuse: string): void;
  /**
   * Nobody holds it any more, but no pass that saw that has said so, and the report in the store has it on a former
   * process: then a pass brings it back, as it should. So does, on that process, one that began before the operator put
   * it back once more.
   */
  mayBeHeld(process: HaproxyProcess, server: SimulatedServer, session: Session): boolean;
}

/** What a pass says about an instance. */
export interface Reporting {
  readonly report: InstanceReport;
  /** In which it looked; undefined: it could not. */
  readonly session: Session | undefined;
}

/** A time at which several passes were at work, up to a moment at which none is and nothing is on its way. */
export interface Rest {
  readonly begunTick: number;
  /** Since the beginning of the simulation. */
  readonly begunMs: number;
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
  /** No pass is at work any more. */
  rested?(rest: Rest): void;
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
