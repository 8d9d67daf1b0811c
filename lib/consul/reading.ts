/**
 * What a backend makes of one answer of Consul: which endpoints are to serve, which are on their way out, and
 * which are not let through. Pure; the order of Consul's answer never shows in the result.
 */

import { type Endpoint, type EndpointAddress, endpointKey, type Refusal } from '../model/endpoint.ts';
import type { BackendPolicy } from '../model/fleet.ts';
import { LONGEST_SHOWN } from '../model/limits.ts';
import { printable } from '../model/printable.ts';
import { type Registration, registrationKey } from '../model/registration.ts';
import type {
  HealthStatus,
  LeavingEndpoint,
  Reading,
  ServiceEntry,
  Unusable,
} from '../model/service-entry.ts';
import { entryAddress } from './entry-address.ts';

type Policy = Pick<BackendPolicy, 'tags' | 'include' | 'weights'>;

/** One entry at a checked address. The lower its rank, the better, when several entries are the same place. */
type Candidate = EndpointAddress & { readonly rank: number } & (
    | {
        readonly ready: true;
        readonly weight: number;
        readonly notice: string | null;
        readonly registration: Registration | undefined;
      }
    | { readonly ready: false; readonly because: LeavingEndpoint['because'] }
  );

const HEAVIEST = 256;

/**
 * Reads Consul's entries as one backend's policy asks. No entries: everything empty.
 *
 * - Ready is an entry that has all of `tags` and a status in `include`; the others are leaving. What is critical or
 *   in maintenance leaves for that reason, whatever its tags.
 * - Several entries with the same address and port are one endpoint: the best status wins (a ready one before any
 *   leaving one), then the highest weight.
 * - Weights are those of the entry's status, 256 at most; something that is no weight (negative, a fraction)
 *   counts as 1, Consul's default. Either is said in a notice. With `weights: false` every weight is 1.
 * - Unusable is what is refused and would be ready otherwise, where the entry says whose it is.
 * - Refused is what `entryAddress` refuses, except of entries without the tags: these are not this backend's to
 *   complain about.
 *
 * Everything is sorted and free of duplicates.
 */
export function readEndpoints(entries: readonly ServiceEntry[], policy: Policy): Reading {
  const best = new Map<string, Candidate>();
  const refused = new Map<string, Refusal>();
  const unusable = new Map<string, Unusable>();
  for (const entry of entries) {
    const at = entryAddress(entry);
    if ('reason' in at) {
      if (hasTags(entry, policy)) refused.set(JSON.stringify([at.address, at.port, at.reason]), at);
      const whose = whyLeaving(entry, policy) === null ? registrationOf(entry) : undefined;
      if (whose !== undefined) unusable.set(registrationKey(whose), { ...whose, reason: at.reason });
      continue;
    }
    const candidate = judge(entry, at, policy);
    const key = endpointKey(at);
    const known = best.get(key);
    if (known === undefined || isBetter(candidate, known)) best.set(key, candidate);
  }
  const endpoints: Endpoint[] = [];
  const leaving: LeavingEndpoint[] = [];
  const notices: string[] = [];
  for (const [, candidate] of sortedByKey(best)) {
    const { address, port } = candidate;
    if (candidate.ready) {
      const { weight, registration } = candidate;
      endpoints.push({ address, port, weight, ...(registration && { registration }) });
      if (candidate.notice !== null) notices.push(candidate.notice);
    } else {
      leaving.push({ address, port, because: candidate.because });
    }
  }
  return {
    ...{ endpoints, leaving, notices },
    refused: sortedByKey(refused).map(([, refusal]) => refusal),
    unusable: sortedByKey(unusable).map(([, one]) => one),
  };
}

/** Undefined: the entry does not say whose it is. */
function registrationOf({ node, id }: ServiceEntry): Registration | undefined {
  if (node === undefined || id === undefined) return undefined;
  return { node: printable(node, LONGEST_SHOWN.address), id: printable(id, LONGEST_SHOWN.address) };
}

function hasTags(entry: ServiceEntry, policy: Policy): boolean {
  return policy.tags.every((tag) => entry.tags.includes(tag));
}

function judge(entry: ServiceEntry, at: EndpointAddress, policy: Policy): Candidate {
  const { status } = entry;
  const because = whyLeaving(entry, policy);
  if (because !== null) return { ...at, ready: false, because, rank: LEAVING_RANK[because] };
  const asked = status === 'warning' ? entry.weights.warning : entry.weights.passing;
  const { weight, notice } = policy.weights ? checkedWeight(asked, at) : { weight: 1, notice: null };
  const registration = registrationOf(entry);
  return { ...at, ready: true, weight, notice, registration, rank: status === 'passing' ? 0 : 1 };
}

/** Gentler reasons first: of two entries at one place the one that says less wins. */
const LEAVING_RANK = { unchecked: 2, warning: 3, tags: 4, maintenance: 5, critical: 6 } satisfies Record<
  LeavingEndpoint['because'],
  number
>;

/** Critical comes before the tags because it ends at once: draining a server that is down helps nobody. */
function whyLeaving(entry: ServiceEntry, policy: Policy): LeavingEndpoint['because'] | null {
  const status: HealthStatus = entry.status;
  if (status === 'critical' || status === 'maintenance') return status;
  if (!hasTags(entry, policy)) return 'tags';
  if (status === 'unchecked') return status;
  return policy.include.includes(status) ? null : 'warning';
}

function checkedWeight(asked: number, at: EndpointAddress): { weight: number; notice: string | null } {
  if (!Number.isInteger(asked) || asked < 0) {
    return { weight: 1, notice: `${endpointKey(at)}: Consul's weight ${asked} is not a weight, 1 is used` };
  }
  if (asked <= HEAVIEST) return { weight: asked, notice: null };
  return {
    weight: HEAVIEST,
    notice: `${endpointKey(at)}: Consul's weight ${asked} is more than HAProxy has, ${HEAVIEST} is used`,
  };
}

/** A total order up to what the result shows, so that no order of the entries can show. */
function isBetter(one: Candidate, other: Candidate): boolean {
  if (one.rank !== other.rank) return one.rank < other.rank;
  if (!one.ready || !other.ready) return false;
  if (one.weight !== other.weight) return one.weight > other.weight;
  if (one.notice !== other.notice) return (one.notice ?? '') < (other.notice ?? '');
  return keyOf(one.registration) < keyOf(other.registration);
}

function keyOf(registration: Registration | undefined): string {
  return registration === undefined ? '' : registrationKey(registration);
}

/** By code units, so that the order is the same on every machine. */
function sortedByKey<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([one], [other]) => (one < other ? -1 : 1));
}
