/** The backends of a fleet for people: slots used and free, and what is withheld or refused. */

import { endpointKey, type Refusal } from '../../model/endpoint.ts';
import type { BackendPolicy } from '../../model/fleet.ts';
import type { InstanceRefusal } from '../../model/found-instance.ts';
import { type BackendStatus, isoTime, type UnlistedBackend } from '../../sync/backend-status.ts';
import type { ConsulFailure } from '../../sync/read-endpoints.ts';
import { bad, notable } from './colours.ts';
import { some, toTheSecond } from './words.ts';

type Backends = Readonly<Record<string, BackendStatus>>;

const MOST = 20;

/** `5 serving, 55 draining until 2026-03-01T12:00:30Z, 40 free`, over all backends. */
export function slotsInUse(backends: Backends): string {
  const all = Object.values(backends);
  const sum = (what: keyof BackendStatus['slots']) =>
    all.reduce((total, { slots }) => total + slots[what], 0);
  const until = all
    .flatMap(({ drainingUntil }) => drainingUntil ?? [])
    .sort()
    .at(-1);
  const draining = until === undefined ? [] : [`${sum('draining')} draining until ${toTheSecond(until)}`];
  return [`${sum('serving')} serving`, ...draining, `${sum('free')} free`].join(', ');
}

/** What a policy holds back: those with one reason and one end together. */
export function withheldLines(backends: Backends): string[] {
  return Object.entries(backends).flatMap(([backend, { withheld }]) => {
    const groups = Map.groupBy(withheld, ({ since, until, reason, released }) => {
      const time = until === null ? 'until released' : `until ${toTheSecond(until)}`;
      const end = released === true ? 'released, the next pass lets it go' : time;
      return `since ${toTheSecond(since)}, ${end}: ${reason}`;
    });
    return cut(
      [...groups].map(([why, group]) => {
        const servers = group.map((change) => `${change.slot} ${endpointKey(change)}`);
        const stay = group.length === 1 ? 'stays' : 'stay';
        return `${backend}  ${some(servers, 10)} ${stay}, ${why}`;
      }),
    ).map((line) => `  ${notable('withheld')}  ${line}`);
  });
}

interface RefusedInstances {
  readonly refusedInstances: readonly InstanceRefusal[];
  readonly refusedInstancesMore?: number;
}

/** A line for each endpoint, and each load balancer, of Consul that is not let through; the last one counts the others. */
export function refusedLines(
  backends: Backends,
  { refusedInstances: instances, refusedInstancesMore = 0 }: RefusedInstances,
): string[] {
  const told = (of: string, { address, port, reason }: Refusal) =>
    `${of}  ${JSON.stringify(address)} port ${port}: ${reason}`;
  const lines = [
    ...instances.map((refusal) => told(`instance ${refusal.name}`, refusal)),
    ...Object.entries(backends).flatMap(([backend, { refused }]) =>
      refused.map((refusal) => told(backend, refusal)),
    ),
  ];
  const shown = lines.slice(0, MOST);
  const unnamed = Object.values(backends).map(({ refusedMore = 0 }) => refusedMore);
  const more = unnamed.reduce(
    (sum, count) => sum + count,
    lines.length - shown.length + refusedInstancesMore,
  );
  return [...shown, ...(more === 0 ? [] : [`… and ${more} more`])].map(
    (line) => `  ${bad('refused')}   ${line}`,
  );
}

/** Backends that the table has and this hitless.yml does not list: they are nobody's mistake, and nothing is done to them. */
export function unlistedLines(unlisted: Readonly<Record<string, UnlistedBackend>>): string[] {
  const lines = Object.entries(unlisted).map(([backend, { slots, parkingSince, drainingUntil }]) => {
    const { serving, draining } = slots;
    const word = `\`hitless forget ${backend}\``;
    if (parkingSince === null) {
      return `${backend}  not listed here, ${serving} serving: stays as it is, until ${word}`;
    }
    const until = drainingUntil === null ? '' : ` until ${toTheSecond(drainingUntil)}`;
    const left =
      serving + draining === 0
        ? `all slots free, ${word} ends it`
        : `${serving} serving, ${draining} draining${until}`;
    return `${backend}  not listed here, being parked since ${toTheSecond(parkingSince)}: ${left}`;
  });
  return cut(lines).map((line) => `  ${notable('unlisted')}  ${line}`);
}

/** Where another hitless.yml says something else of a backend: which one counts, and in which keys they differ. */
export function decisionLines(backends: Backends, configurationWithheld: string | null): string[] {
  const lines = Object.entries(backends).flatMap(([backend, { decision }]) => {
    if (decision === null) return [];
    const { writtenAt, forgottenAt, differs, overruled } = decision;
    const later = writtenAt === null ? '' : `, written ${toTheSecond(writtenAt)}`;
    if (forgottenAt !== null) {
      return [
        `${backend}  was forgotten ${toTheSecond(forgottenAt)}, and this hitless.yml is older: \`touch\` it to bring the backend back`,
      ];
    }
    const ours =
      differs.length === 0
        ? []
        : [
            `${backend}  a later hitless.yml counts${later}: this one differs in ${differs.join(', ')} and is not followed (\`touch\` it if it is the one that counts)`,
          ];
    const others = differs.length > 0 ? [] : overruled;
    return [
      ...ours,
      ...others.map(
        ({ writtenAt: when, keys }) =>
          `${backend}  an older hitless.yml, written ${toTheSecond(when)}, is in use as well: it differs in ${keys.join(', ')} and is not followed`,
      ),
    ];
  });
  const file = configurationWithheld === null ? [] : [configurationWithheld];
  return cut([...lines, ...file]).map((line) => `  ${notable('decided')}   ${line}`);
}

/** A line for each service that Consul was not to be asked about, with what was done instead. */
export function consulLines(
  failures: readonly ConsulFailure[],
  policies: readonly BackendPolicy[],
): string[] {
  return failures.map(({ service, error, usedEvent }) => {
    const stay = policies.some((policy) => policy.service === service)
      ? 'its backends stay as they are'
      : 'the load balancers that are known stay';
    const instead = usedEvent ? 'the body of the watch was used instead' : stay;
    return `  ${bad('Consul')}    ${error}; ${instead}`;
  });
}

/** Servers that an operator put in drain or maint, in one line for each backend and state. */
export function heldLines(
  held: readonly { instance: string; backend: string; slot: string; state: string; sinceMs?: number }[],
): string[] {
  const groups = Map.groupBy(held, ({ backend, slot, state }) => `${backend}/${slot} in ${state}`);
  const lines = [...groups].map(([what, ofIt]) => {
    const firstMs = Math.min(...ofIt.map(({ sinceMs = Number.POSITIVE_INFINITY }) => sinceMs));
    const since = Number.isFinite(firstMs) ? `, since ${toTheSecond(isoTime(firstMs))}` : '';
    return `${what} on ${some(ofIt.map(({ instance }) => instance))}${since}`;
  });
  return cut(lines).map((line) => `  ${notable('held by an operator')}  ${line}`);
}

function cut(lines: readonly string[]): string[] {
  const rest = lines.length - MOST;
  return rest <= 0 ? [...lines] : [...lines.slice(0, MOST), `… and ${rest} more (--json lists all)`];
}
