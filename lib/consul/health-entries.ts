/**
 * Consul's health entries, from outside to inside: the answer of `/v1/health/service/NAME`, which is also the body
 * that a watch of type `service` posts (measured on Consul 1.8.7: byte for byte the same shape).
 */

import * as v from 'valibot';
import { printable } from '../model/printable.ts';
import type { HealthEntry, ServiceEntry } from '../model/service-entry.ts';
import { silenceMeansUnrun, statusOf } from './health-status.ts';

/** What we use of an entry, and nothing else: Consul adds fields with every release. */
const HealthEntries = v.array(
  v.object({
    Node: v.object({ Node: v.nullish(v.string(), ''), Address: v.nullish(v.string(), '') }),
    Service: v.object({
      ID: v.nullish(v.string(), ''),
      Address: v.nullish(v.string(), ''),
      Port: v.pipe(v.number(), v.finite()),
      Tags: v.nullish(v.array(v.string()), []),
      Weights: v.nullish(
        v.object({
          Passing: v.nullish(v.pipe(v.number(), v.finite()), 1),
          Warning: v.nullish(v.pipe(v.number(), v.finite()), 1),
        }),
        { Passing: 1, Warning: 1 },
      ),
    }),
    Checks: v.nullish(
      v.array(
        v.object({
          CheckID: v.string(),
          Status: v.string(),
          Type: v.nullish(v.string(), ''),
          Output: v.nullish(v.string()),
        }),
      ),
      [],
    ),
  }),
);

/** The data is something else than health entries, as a whole; sending the same again will not help. */
export class NotHealthEntries extends Error {
  override readonly name = 'NotHealthEntries';
  readonly code = 'CONSUL_NOT_HEALTH_ENTRIES';
  /** What it was instead, short and printable. */
  readonly got: string;

  constructor(got: string) {
    super(
      'expected the body of a watch of type "service", as of /v1/health/service: ' +
        `an array of {Node, Service, Checks}; got ${got}`,
    );
    this.got = got;
  }
}

/**
 * Reads health entries, in Consul's order.
 *
 * Accepted: any array of entries, `[]` too (which also a `checks` or an `event` watch may send: an empty array does
 * not say what it is empty of), with unknown fields, and without names, `Tags`, `Weights`, `Checks` or an
 * address. Neither names nor addresses nor ports are judged here; see reading.ts and instances.ts.
 *
 * @param data parsed JSON.
 * @throws NotHealthEntries for anything else, such as what watches of other types send; one entry that cannot be
 *   read spoils all, for Consul does not write such a thing.
 */
export function parseHealthEntries(data: unknown): HealthEntry[] {
  const parsed = v.safeParse(HealthEntries, data, { abortEarly: true, abortPipeEarly: true });
  if (!parsed.success) throw new NotHealthEntries(describe(data, parsed.issues[0]));
  const silenceIsUnrun = silenceMeansUnrun(parsed.output.flatMap(({ Checks }) => Checks));
  return parsed.output.map(({ Node, Service, Checks }) => ({
    address: Service.Address === '' ? Node.Address : Service.Address,
    port: Service.Port,
    tags: Service.Tags,
    status: statusOf(Checks, silenceIsUnrun),
    weights: { passing: Service.Weights.Passing, warning: Service.Weights.Warning },
    node: Node.Node,
    id: Service.ID,
  }));
}

/** Without whose registration it is: for a message, which is billed by its size. */
export function withoutNames({ node: _, id: __, ...entry }: HealthEntry): ServiceEntry {
  return entry;
}

function describe(data: unknown, issue: v.BaseIssue<unknown>): string {
  if (!Array.isArray(data)) return shapeOf(data);
  const at = issue.path?.[0]?.key;
  const entry: unknown = typeof at === 'number' ? data[at] : undefined;
  const where = issue.path?.slice(1).map(({ key }) => String(key));
  if (where === undefined || where.length === 0) return `an array with ${shapeOf(entry)} in it`;
  return printable(
    `an array whose entry ${String(at)} (${shapeOf(entry)}) has at ${where.join('.')}: ${issue.message}`,
    300,
  );
}

function shapeOf(data: unknown): string {
  if (data === undefined) return 'nothing';
  if (data === null) return 'null';
  if (Array.isArray(data)) return 'an array';
  if (typeof data !== 'object') return `a ${typeof data}`;
  const keys = Object.keys(data);
  if (keys.length === 0) return 'an empty object';
  const shown = keys.slice(0, 4).map((key) => printable(key, 30));
  return `an object with ${shown.join(', ')}${keys.length > shown.length ? ', …' : ''}`;
}
