/**
 * What one pass has seen and done on an instance that tells an operator's hand from another pass's: holds that its own
 * work may have hidden since, holds that only its last look shows, and weights that it gave itself.
 */

import type { RuntimeCommand } from '../model/command.ts';
import type { ObservedServer } from '../model/observed.ts';
import type { PlannedHold, Step } from '../model/plan.ts';
import type { HeldServer, InstanceReport } from '../model/report.ts';
import { type Slot, type SlotTable, slotName, stayOf } from '../model/slot-table.ts';
import type { RememberedHold } from '../plan/instance-memory.ts';
import { observedBySlot, type SlotPlace } from './by-slot.ts';

export class WhoseHand {
  #found: readonly RememberedHold[] = [];
  /** Holds that reports name and that an operator ended, as this pass saw. */
  #ended: readonly RememberedHold[] = [];
  /** Seen by the last look, and neither found nor named by a report. */
  #unconfirmed: ReadonlySet<string> = new Set();
  #isToConfirm = false;
  readonly #ownWeights = new Set<string>();

  /** Holds that did not end since they were seen, on the process that answers. */
  get found(): readonly RememberedHold[] {
    return this.#found;
  }

  /** A hold that reports name, and that this pass saw ended: what hides the server since is our own work. */
  readonly isEnded = (held: RememberedHold): boolean => this.#ended.some((one) => isSame(one, held));

  /** Somebody seems to hold a server, and the next look shows whether that is so. */
  get isToConfirm(): boolean {
    return this.#isToConfirm;
  }

  /** Whether the slot's server was out of rotation already when this pass gave it its weight. */
  readonly isOwnWeight = (backend: string, slot: string): boolean =>
    this.#ownWeights.size > 0 && this.#ownWeights.has(nameOf({ backend, slot }));

  /** @param different the steps of a stage that were read back otherwise. */
  sent(different: Iterable<Step>): void {
    for (const step of different) {
      if (step.commands.some(givesWeight)) this.#ownWeights.add(nameOf(step));
    }
  }

  /**
   * What a plan was made from.
   *
   * @param remembered what reports name.
   * @param held what is held as the plan says.
   */
  planned(
    servers: readonly ObservedServer[],
    table: SlotTable,
    remembered: readonly RememberedHold[],
    held: readonly PlannedHold[],
  ): void {
    if (remembered.length === 0) return;
    const seen = observedBySlot(servers);
    const ended = remembered.filter(
      (one) =>
        one.here &&
        seen.get(one)?.admin === 'ready' &&
        stayIn(table, one) === one.servingSinceMs &&
        !held.some((other) => isSame(other, one)),
    );
    const before = this.#ended.filter((one) => !held.some((other) => other.seen && isSame(other, one)));
    this.#ended = [...before, ...ended];
  }

  /** A server that is ready, or at somebody's mark, is what it shows again. */
  looked(servers: readonly ObservedServer[]): void {
    if (this.#ownWeights.size === 0) return;
    for (const { backend, server, admin, weight } of servers) {
      if (admin === 'ready' || weight === 0) this.#ownWeights.delete(nameOf({ backend, slot: server }));
    }
  }

  /**
   * What may be reported of `held` if the session were lost now. Nothing but one look may show some of them, and a pass
   * in the middle of taking a server out leaves it so for a moment, when another one gave it its weight in between: so
   * those on their way out are left out until the next look, and nothing is done before that.
   */
  reportable(
    held: readonly PlannedHold[],
    report: InstanceReport | null,
    table: SlotTable,
  ): readonly PlannedHold[] {
    const found = new Set(this.#found.map(nameOf));
    const isKnown = (one: PlannedHold) => found.has(nameOf(one)) || isNamed(report, one);
    const fresh = held.filter((one) => one.seen && !isKnown(one)).map(nameOf);
    const doubtful = new Set(fresh.filter((name) => !this.#unconfirmed.has(name)));
    this.#unconfirmed = new Set(fresh);
    this.#isToConfirm = doubtful.size > 0;
    this.#found = held
      .filter((one) => (one.seen && !doubtful.has(nameOf(one))) || found.has(nameOf(one)))
      .map((one) => ({ ...one, here: true }));
    return doubtful.size === 0
      ? held
      : held.filter((one) => !doubtful.has(nameOf(one)) || serves(table, one));
  }
}

function isNamed(report: InstanceReport | null, held: PlannedHold): boolean {
  return (report?.operatorHeld ?? []).some((one) => isSame(one, held));
}

/** Of the same stay. */
function isSame(one: HeldServer, other: HeldServer): boolean {
  const { backend, slot, servingSinceMs } = other;
  return one.backend === backend && one.slot === slot && one.servingSinceMs === servingSinceMs;
}

function slotIn({ backends }: SlotTable, { backend, slot: name }: SlotPlace): Slot | undefined {
  const of = backends[backend];
  return of?.slots.find((_, index) => slotName(of, index + 1) === name);
}

function stayIn(table: SlotTable, place: SlotPlace): number | null {
  const slot = slotIn(table, place);
  return slot === undefined ? null : stayOf(slot);
}

function serves(table: SlotTable, place: SlotPlace): boolean {
  return slotIn(table, place)?.state === 'serving';
}

function givesWeight(command: RuntimeCommand): boolean {
  return command.kind === 'set-weight' && command.weight !== 0;
}

function nameOf({ backend, slot }: SlotPlace): string {
  return `${backend}/${slot}`;
}
