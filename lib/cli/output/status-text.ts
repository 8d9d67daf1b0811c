/** A status for people. */

import type { FleetStatus } from '../../sync/status.ts';
import { decisionLines, heldLines, refusedLines, unlistedLines, withheldLines } from './backends.ts';
import { bad, good, notable, strong } from './colours.ts';
import { columns } from './columns.ts';
import { counted, toTheSecond } from './words.ts';

export function statusText(
  name: string,
  { generation, propagation, laggards, instances, backends, ...status }: FleetStatus,
): string[] {
  const all = Object.values(instances);
  const converged = all.filter((instance) => instance.converged).length;
  const state =
    generation === 0
      ? 'no table yet, `hitless sync` makes the first one'
      : `generation ${generation}, ${converged} of ${counted(all.length, 'instance')} converged`;
  const held = Object.entries(backends).flatMap(([backend, { operatorHeld }]) =>
    operatorHeld.map((one) => ({ backend, ...one })),
  );
  return [
    `${strong(`fleet ${name}`)}: ${state}`,
    ...columns(
      ['backend', 'service', 'slots', 'serving', 'draining', 'free', 'withheld', 'refused'],
      Object.entries(backends).map(([backend, { service, slots, withheld, refused, refusedMore = 0 }]) => [
        backend,
        service,
        ...[slots.total, slots.serving, slots.draining, slots.free].map(String),
        ...[withheld.length, refused.length + refusedMore].map(String),
      ]),
    ),
    ...columns(
      ['instance', 'generation', 'converged', 'haproxy', 'pid', 'last report', 'reason'],
      Object.entries(instances).map(([instance, it]) => [
        instance,
        String(it.generation),
        it.converged ? good('yes') : bad('no'),
        it.version ?? '-',
        String(it.pid ?? '-'),
        it.observedAt === null ? '-' : toTheSecond(it.observedAt),
        it.reason ?? '',
      ]),
    ),
    ...propagationLines(propagation, laggards),
    ...withheldLines(backends),
    ...refusedLines(backends, status),
    ...decisionLines(backends, status.configurationWithheld),
    ...unlistedLines(status.unlisted),
    ...heldLines(held),
    ...Object.entries(instances).flatMap(([instance, { notes }]) =>
      notes.map((note) => `  ${notable('note')}      ${instance}: ${note}`),
    ),
  ];
}

/** Names of laggards that one line holds; the table above has them all, with reasons. */
const MOST_NAMES = 10;

function propagationLines(propagation: FleetStatus['propagation'], laggards: readonly string[]): string[] {
  if (propagation === null) return [];
  const { generation, instances, p50Ms, p99Ms, worstMs, worst } = propagation;
  const more = laggards.length > MOST_NAMES ? [`and ${laggards.length - MOST_NAMES} more`] : [];
  const waiting = [...laggards.slice(0, MOST_NAMES), ...more].join(', ');
  const took = `p50 ${p50Ms} ms, p99 ${p99Ms} ms, worst ${worstMs} ms (${worst})`;
  return [
    `last change from an event: generation ${generation}, on ${counted(instances, 'instance')}: ${took}${waiting === '' ? '' : `; lagging: ${waiting}`}`,
  ];
}
