/** The slots of a table by the names of their servers. */

import { type Slot, type SlotTable, slotName } from '../../../lib/model/slot-table.ts';
import { adminWord, type ServerChange, type SimulatedServer, targetOf } from '../haproxy-process.ts';
import type { Session } from '../simulated-instance.ts';

export interface NamedSlot {
  readonly name: string;
  readonly slot: Slot;
  /** `address:port`; null for a free one. */
  readonly target: string | null;
}

export function namedSlots(table: SlotTable | null, backend: string): readonly NamedSlot[] {
  const slots = table?.backends[backend];
  if (slots === undefined) return [];
  return slots.slots.map((slot, index) => ({
    name: slotName(slots, index + 1),
    slot,
    target: slot.state === 'free' ? null : targetOf(slot),
  }));
}

/**
 * Whether a session's change leaves a server as an operator would, out of rotation with a real weight at the address of
 * who serves there: it restores what an operator did, or it has no business to.
 */
export function leavesHeld({ server, before }: ServerChange, { table }: Session): boolean {
  if (adminWord(server.admin) === 'ready' || server.weight === 0 || server.moving !== null) return false;
  const same = before.admin === server.admin && before.weight > 0 && targetOf(before) === targetOf(server);
  return !same && servingTargets(table, server.backend).get(targetOf(server))?.name === server.name;
}

/** By `address:port`. */
export function servingTargets(table: SlotTable | null, backend: string): ReadonlyMap<string, NamedSlot> {
  return new Map(
    namedSlots(table, backend).flatMap((named) =>
      named.target !== null && named.slot.state === 'serving' ? [[named.target, named] as const] : [],
    ),
  );
}

/** Others change the backend as well, or had just given the server an address that could not be read yet. */
export function isContested(session: Session, { backend, name }: SimulatedServer): boolean {
  return session.contested.has(backend) || session.surprised.has(`${backend}/${name}`);
}
