/** Whose policy a backend's slots were made with, kept beside them. */

import type { Decision } from '../model/deciding.ts';
import type { BackendSlots, DecidedPolicy, Overruled } from '../model/slot-table.ts';

/** More files than this that say something else are not told apart. */
const MOST_OVERRULED = 5;

/**
 * `next` with the policy that it was made with. `stored` itself when nothing about the backend changes. Where the table
 * knows no policy, that alone is no change: an earlier release still running beside this one would take it out again.
 *
 * @param next the slots, or null: there are none.
 * @param writtenAtMs of our hitless.yml; undefined: not known, and then no policy is kept.
 */
export function decided(
  next: BackendSlots | null,
  stored: BackendSlots | null,
  decision: Decision,
  writtenAtMs: number | undefined,
): BackendSlots | null {
  if (next === null) return null;
  const { policy: known, overruled: others, parkingSinceMs } = stored ?? {};
  const policy = decision.ours ? ownPolicy(decision, known, writtenAtMs) : known;
  const overruled = decision.ours
    ? decision.differs.length === 0
      ? others
      : undefined
    : heard(others, decision.differs, writtenAtMs);
  const parked = decision.parking ? parkingSinceMs : undefined;
  const learns = known !== undefined && policy !== known;
  if (next === stored && !learns && overruled === others && parked === parkingSinceMs) return stored;
  const { service, server, slots, departures, refused, ...rest } = next;
  const { policy: _, overruled: __, parkingSinceMs: ___, ...more } = rest;
  return {
    ...{ service, server, slots, departures, refused, ...more },
    ...(policy && { policy }),
    ...(overruled && { overruled }),
    ...(parked !== undefined && { parkingSinceMs: parked }),
  };
}

function ownPolicy(
  { policy: { backend: _, ...policy }, differs }: Decision,
  known: DecidedPolicy | undefined,
  writtenAtMs: number | undefined,
): DecidedPolicy | undefined {
  if (known !== undefined && differs.length === 0) return known;
  return writtenAtMs === undefined ? undefined : { ...policy, writtenAtMs };
}

/** A pass that is overruled says so once, in the table; the next one with the same file finds it said. */
function heard(
  others: readonly Overruled[] | undefined,
  keys: readonly string[],
  writtenAtMs: number | undefined,
): readonly Overruled[] | undefined {
  if (writtenAtMs === undefined || keys.length === 0) return others;
  const known = others ?? [];
  const said = known.some((one) => one.writtenAtMs === writtenAtMs && String(one.keys) === String(keys));
  return said || known.length >= MOST_OVERRULED ? others : [...known, { writtenAtMs, keys }];
}
