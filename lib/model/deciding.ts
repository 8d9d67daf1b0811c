/**
 * Which hitless.yml decides a backend, where several are in use: workers before and after a deployment, a cron with an
 * old file, two teams with one fleet.
 *
 * | the backend is                               | it is decided by                                        |
 * | -------------------------------------------- | ------------------------------------------------------- |
 * | listed here, and the table knows no policy   | this file                                               |
 * | listed here, the table's policy is the same  | both                                                    |
 * | listed here, and this file was written later | this file: the table keeps its policy from now on       |
 * | listed here, but this file is older          | the table's policy; the keys that differ are said       |
 * | listed here, but forgotten since it was written | nobody: an old file does not bring it back           |
 * | not listed here                              | nobody: it stays as it is, in the table and on the instances |
 * | not listed here, and being parked            | the table's policy, to its end                          |
 *
 * A file's time is when it was last modified, so the order is the same for whoever looks, and no two passes undo each
 * other's work. To go back to an older file it has to be written anew (`touch` is enough).
 */

import type { BackendPolicy, Fleet } from './fleet.ts';
import { type DecidedPolicy, type SlotTable, slotsOfBackend } from './slot-table.ts';

/** What is used of a table. */
type Known = Pick<SlotTable, 'backends' | 'forgotten'>;
type Deciding = Pick<Fleet, 'backends' | 'writtenAtMs'>;

export interface Decision {
  /** What counts. */
  readonly policy: BackendPolicy;
  /** Whether this file decided; false: the table's policy counts. */
  readonly ours: boolean;
  /** In which keys this file and the table's policy differ, as hitless.yml calls them. */
  readonly differs: readonly string[];
  /** Its servers are taken out for good, whatever Consul has. */
  readonly parking: boolean;
}

/** Those that a pass brings in step, in the order of the configuration; then those that are being parked. */
export function decide(fleet: Deciding, table: Known | null): readonly Decision[] {
  const listed = fleet.backends.flatMap((policy) => decideListed(fleet, policy, table) ?? []);
  return [...listed, ...parkedOthers(fleet, table)];
}

/** The policies that count. */
export function policiesFor(fleet: Deciding, table: Known | null): readonly BackendPolicy[] {
  return decide(fleet, table).map(({ policy }) => policy);
}

/** Names of the backends that the table has and this file does not list; sorted. */
export function unlistedBackends({ backends }: Pick<Fleet, 'backends'>, table: Known | null): string[] {
  const listed = new Set(backends.map(({ backend }) => backend));
  return Object.keys(table?.backends ?? {})
    .filter((name) => !listed.has(name))
    .sort();
}

/** Null: an operator had the backend forgotten since the file was written. */
function decideListed(fleet: Deciding, policy: BackendPolicy, table: Known | null): Decision | null {
  const { backend } = policy;
  const known = table === null ? undefined : slotsOfBackend(table, backend);
  const written = fleet.writtenAtMs;
  const own: Decision = { policy, ours: true, differs: [], parking: false };
  if (written === undefined) return own;
  if (known === undefined) {
    const forgotten = table?.forgotten?.some((one) => one.backend === backend && one.atMs >= written);
    return forgotten === true ? null : own;
  }
  const parking = (known.parkingSinceMs ?? 0) >= written;
  if (known.policy === undefined) return { ...own, parking };
  const differs = differencesOf(policy, known.policy);
  if (!parking && (differs.length === 0 || isLater(written, policy, known.policy)))
    return { ...own, differs };
  const counts = policyOf(backend, known.policy);
  return { policy: parking ? emptied(counts) : counts, ours: differs.length === 0, differs, parking };
}

function parkedOthers(fleet: Deciding, table: Known | null): Decision[] {
  return unlistedBackends(fleet, table).flatMap((backend) => {
    const known = table === null ? undefined : slotsOfBackend(table, backend);
    if (known?.parkingSinceMs === undefined || known.policy === undefined) return [];
    const policy = emptied(policyOf(backend, known.policy));
    return [{ policy, ours: false, differs: [], parking: true }];
  });
}

/** Parking it asks for that. */
function emptied(policy: BackendPolicy): BackendPolicy {
  return { ...policy, allowEmpty: true };
}

/** A policy that a table holds. */
export function policyOf(backend: string, { writtenAtMs: _, ...policy }: DecidedPolicy): BackendPolicy {
  return { backend, ...policy };
}

/** In which keys two policies differ, as hitless.yml calls them. The order of tags does not count. */
function differencesOf(one: Said, other: Said): string[] {
  const [ours, theirs] = [keysOf(one), keysOf(other)];
  return Object.keys(ours).filter((key) => ours[key] !== theirs[key]);
}

/** Of two that were written in the same moment one counts all the same, and for everybody the same one. */
function isLater(writtenAtMs: number, one: Said, other: DecidedPolicy): boolean {
  if (writtenAtMs !== other.writtenAtMs) return writtenAtMs > other.writtenAtMs;
  return JSON.stringify(keysOf(one)) > JSON.stringify(keysOf(other));
}

type Said = Omit<BackendPolicy, 'backend'>;

/** By the keys of hitless.yml; values as text, so that equal ones are equal. */
function keysOf(policy: Said): Readonly<Record<string, string>> {
  const { service, tags, include, weights, server, slots, spare, options, placeholder, ...more } = policy;
  const { drainMs: drain, keep, holdMs: hold, allowEmpty: allow_empty } = more;
  const { address, port } = placeholder;
  const values = {
    ...{
      service,
      tags: [...tags].sort(),
      include: [...include].sort(),
      weights,
      server,
      slots,
      spare,
      options,
    },
    ...{ placeholder: [address, port], drain, keep, hold, allow_empty },
  };
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, JSON.stringify(value)]));
}
